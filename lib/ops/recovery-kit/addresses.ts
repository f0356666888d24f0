/** Lists where the backups of a site lie, and what opens the way to them. */
import { hostname } from "node:os";
import type { SiteConfig } from "../../config/load.ts";

/** A store or a target, in words. */
export interface Address {
  readonly place: string;
  /** The means to read it: credentials are never copied. */
  readonly needs: string;
}

/** The keys of targets that tell where they are, and those that name files of credentials. */
const WHERE = ["endpoint", "bucket", "prefix", "remote", "user", "host", "port", "path"];
const CREDENTIALS = /_file$/;

/** Takes user and password out of a URL. */
const withoutUser = (value: string | number): string => String(value).replace(/\/\/[^/]*@/, "//");

/** Returns the addresses, the store first. */
export function addressesOf(config: SiteConfig, store: string): Address[] {
  return [
    { place: `the store \`${store}\` on the host \`${hostname()}\``, needs: "that host or its disk, and root on it" },
    ...Object.entries(config.targets).map(([name, target]) => {
      const settings = new Map<string, unknown>(Object.entries(target));
      const where = WHERE.flatMap((key) => {
        const value = settings.get(key);
        return typeof value === "string" || typeof value === "number" ? [`${key} \`${withoutUser(value)}\``] : [];
      });
      const files = [...settings].flatMap(([key, file]) =>
        CREDENTIALS.test(key) && typeof file === "string" ? [`\`${file}\``] : [],
      );
      const needs = files.length === 0 ? "an account that may read it" : `what was in ${files.join(", ")} of that host`;
      return { place: `the target \`${name}\` (${target.kind}): ${where.join(", ")}`, needs };
    }),
  ];
}
