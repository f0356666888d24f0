/** Resolves the symbolic links in paths of a site, as far as they can be trusted. */
import { lstatSync, readlinkSync, statSync, type Stats } from "node:fs";
import type { BytePath } from "../../../../archive/entry.ts";
import { basename, dirname, display, join, toBuffer } from "../../../../archive/path.ts";
import { MOST_LINKS, assertTrustedLink } from "../../../../archive/tree/trusted-path.ts";
import { HoldfastError, systemCode } from "../../../../errors.ts";

/** Called with a link before it is followed; throws to reject it. */
type OnLink = (link: BytePath, stats: Stats) => void;

interface Resolved {
  readonly real: BytePath;
  readonly there: boolean;
}

/**
 * Returns a function that resolves every link in an absolute path, as far as the path exists.
 * A tree that lay behind a link is restored behind it. Each directory is inspected once. Throws `E_TARGET` for a path
 * that cannot be inspected, and whatever error `onLink` throws.
 */
export function realPaths(onLink: OnLink = () => {}): (path: BytePath) => BytePath {
  const known = new Map<BytePath, Resolved>();
  const resolve = (path: BytePath, links: number): Resolved => {
    const found = known.get(path) ?? look(path, links);
    known.set(path, found);
    return found;
  };
  const look = (path: BytePath, links: number): Resolved => {
    if (path === "/") return { real: path, there: true };
    const [parent, name] = [resolve(dirname(path), links), basename(path)];
    if (name === "" || name === ".") return parent;
    if (name === "..") return { real: dirname(parent.real), there: parent.there };
    const here = join(parent.real, name);
    if (!parent.there) return { real: here, there: false };
    try {
      const stats = lstatSync(toBuffer(here));
      if (!stats.isSymbolicLink()) return { real: here, there: true };
      if (links === MOST_LINKS) throw new HoldfastError("E_TARGET", `${display(path)} is a loop of symbolic links`);
      onLink(here, stats);
      const target = readlinkSync(toBuffer(here), { encoding: "latin1" });
      const followed = resolve(target.startsWith("/") ? target : join(parent.real, target), links + 1);
      return followed.there ? followed : { real: here, there: false };
    } catch (error) {
      if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return { real: here, there: false };
      if (error instanceof HoldfastError) throw error;
      throw new HoldfastError("E_TARGET", `${display(path)} cannot be inspected`, { cause: error });
    }
  };
  return (path) => resolve(path, 0).real;
}

/** Throws `E_TARGET` for a link that `assertTrustedLink` rejects; a dangling link is ignored. */
export function assertTrustedRestoreLink(link: BytePath, { uid }: Stats): void {
  const target = statSync(toBuffer(link), { throwIfNoEntry: false, bigint: true });
  if (target !== undefined) assertTrustedLink({ link, owner: BigInt(uid) }, target.uid, "E_TARGET");
}
