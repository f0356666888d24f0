/** Holdfast and its peers: the line of bash that each needs for the same piece of work. */
import { accessSync, constants } from "node:fs";
import path from "node:path";
import type { BenchSite } from "./site.ts";

export const WORKS = ["full", "unchanged", "changed", "verify", "restore", "restore one project"] as const;
export type Work = (typeof WORKS)[number];

export interface Program {
  readonly name: string;
  readonly version: string;
  /** Undefined: it does not do that. `store` is its own, empty for `full`; `out` does not exist yet. */
  line(work: Work, store: string, out: string): string | undefined;
  readonly env?: Readonly<Record<string, string>>;
}

const HOME = path.join(import.meta.dirname, "../..");
const quote = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

export function programs(site: BenchSite, state: string): Program[] {
  const root = quote(site.root);
  const script = (name: string): string => `node ${quote(path.join(HOME, "dist/scripts", `${name}.js`))}`;
  const holdfast: Program = {
    name: "holdfast",
    version: "node --version",
    env: { XDG_STATE_HOME: path.join(state, "holdfast") },
    line: (work, store, out) => {
      const flags = `--config ${quote(site.config)} --dest ${quote(store)} --quiet`;
      if (work === "verify") return `${script("verify")} ${flags}`;
      if (work === "restore") return `${script("restore")} ${flags} --to ${quote(out)}`;
      if (work === "restore one project")
        return `${script("restore")} ${flags} --to ${quote(out)} --step source_exports --unit 7`;
      return `${script("backup_all")} ${flags} --new-store`;
    },
  };
  const restic: Program = {
    name: "restic",
    version: "restic version",
    env: { RESTIC_PASSWORD: "x", RESTIC_CACHE_DIR: path.join(state, "restic") },
    line: (work, store, out) => {
      const restic = `restic -q -r ${quote(store)}`;
      if (work === "full") return `${restic} init; ${restic} backup ${root}`;
      if (work === "verify") return `${restic} check --read-data`;
      if (work === "restore") return `${restic} restore latest --target ${quote(out)}`;
      if (work === "restore one project")
        return `${restic} restore latest --target ${quote(out)} --include ${quote(path.join(site.root, "clara_content/Project_7"))}`;
      return `${restic} backup ${root}`;
    },
  };
  const borg: Program = {
    name: "borg",
    version: "borg --version",
    env: {
      BORG_BASE_DIR: path.join(state, "borg"),
      BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK: "yes",
      BORG_RELOCATED_REPO_ACCESS_IS_OK: "yes",
    },
    line: (work, store, out) => {
      const create = `borg create ${quote(store)}::run-{now:%s%f} ${root}`;
      if (work === "full") return `borg init -e none ${quote(store)}; ${create}`;
      if (work === "verify") return `borg check --verify-data ${quote(store)}`;
      if (work === "restore")
        return `mkdir ${quote(out)}; cd ${quote(out)}; borg extract ${quote(store)}::"$(borg list --last 1 --short ${quote(store)})"`;
      return work === "restore one project" ? undefined : create;
    },
  };
  const tar: Program = {
    name: "tar | zstd",
    version: "zstd --version",
    line: (work, store) =>
      work === "full"
        ? `mkdir ${quote(store)}; tar -C ${root} -cf - . | zstd -3 -T0 -q -o ${quote(store)}/site.tar.zst`
        : undefined,
  };
  const shell: Program = {
    name: "shell script",
    version: "zip --version",
    line: (work, store) => (work === "full" ? shellScript(root, quote(store)) : undefined),
  };
  const rsync: Program = {
    name: "rsync --link-dest",
    version: "rsync --version",
    line: (work, store) =>
      work === "full"
        ? `mkdir ${quote(store)}; rsync -aH ${root}/ ${quote(store)}/1/`
        : work === "unchanged" || work === "changed"
          ? `rsync -aH --link-dest=${quote(store)}/1 ${root}/ ${quote(store)}/$RANDOM$RANDOM/`
          : undefined,
  };
  const needed: Readonly<Record<string, string>> = {
    restic: "restic",
    borg: "borg",
    "tar | zstd": "zstd",
    "shell script": "zip",
    "rsync --link-dest": "rsync",
  };
  return [holdfast, restic, borg, tar, shell, rsync].filter(({ name }) => isInstalled(needed[name]));
}

/** The plan of the seed taken literally: a zip for each project, tar for the rest, a checksum of each. */
const shellScript = (root: string, store: string): string => `
mkdir -p ${store}/source_exports ${store}/compiled_exports ${store}/legacy_zips; cd ${root}
for p in clara_content/*; do n=$(basename "$p"); (cd "$p" && zip -rq ${store}/source_exports/"$n".zip .); sha256sum ${store}/source_exports/"$n".zip > ${store}/source_exports/"$n".sha256; done
for p in clara_compiled/*; do n=$(basename "$p"); (cd "$p" && zip -rq ${store}/compiled_exports/"$n".zip .); sha256sum ${store}/compiled_exports/"$n".zip > ${store}/compiled_exports/"$n".sha256; done
for p in lara_legacy/*; do n=$(basename "$p"); (cd "$p" && zip -rq ${store}/legacy_zips/"$n".zip .); sha256sum ${store}/legacy_zips/"$n".zip > ${store}/legacy_zips/"$n".sha256; done
tar czf ${store}/audio.tgz audio; sha256sum ${store}/audio.tgz > ${store}/audio.sha256
tar czf ${store}/media.tgz images; sha256sum ${store}/media.tgz > ${store}/media.sha256
cp db.sqlite3 ${store}/; sha256sum ${store}/db.sqlite3 > ${store}/db.sha256`;

function isInstalled(program: string | undefined): boolean {
  if (program === undefined) return true;
  return (process.env["PATH"] ?? "").split(":").some((directory) => {
    try {
      accessSync(path.join(directory, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
