/** Sites and configs that fast-check makes up: nested trees, odd names, links, databases inside of trees, single files. */
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, lutimesSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";

/** Directories that a site may have; those above them come along. */
const DIRECTORIES = [
  "a",
  "a/c",
  "a/c/d",
  "b",
  "b/é ü",
  "b/we\\ird",
  "a/-x",
  "media",
  "media/in",
  "media/in/deep",
  "e'f\"$(x)",
  "new\nline",
  "~files",
] as const;
const FILES = ["f", "g.txt", ".hidden", "näme", "new\nline", "sp ace", "back\\slash", "-dash", "big.bin"] as const;
/** What links say; `OUT` stands for the directory beside the site. */
const TARGETS = ["f", "../b", "nowhere", "OUT/shared", "../../out/shared", ".", "/nowhere/at all"] as const;

export interface SiteSpec {
  readonly directories: readonly string[];
  readonly files: readonly {
    readonly at: string;
    readonly name: string;
    readonly size: number;
    readonly mode: number;
  }[];
  readonly links: readonly { readonly at: string; readonly name: string; readonly target: string }[];
  readonly hardLinks: readonly { readonly from: number; readonly at: string }[];
  readonly databases: readonly string[];
  readonly config: {
    readonly trees: readonly {
      readonly path: string;
      readonly exclude: readonly string[];
      readonly shardAbove: number;
    }[];
    readonly media: readonly string[];
    readonly legacy: string | null;
    readonly audio: string | null;
    readonly projects: string | null;
    /** A directory of compiled trees, beside the projects' own or in any other tree. */
    readonly compiled: string | null;
    readonly settings: readonly string[];
    readonly outside: boolean;
    readonly followLinks: boolean;
  };
}

const directory = fc.constantFrom(...DIRECTORIES);
const place = fc.constantFrom(".", ...DIRECTORIES);
const file = fc.record({
  at: place,
  name: fc.constantFrom(...FILES),
  size: fc.constantFrom(0, 1, 700, 70_000),
  mode: fc.constantFrom(0o644, 0o600, 0o755, 0o4755),
});

export const siteSpec: fc.Arbitrary<SiteSpec> = fc.record({
  directories: fc.uniqueArray(directory, { minLength: 1, maxLength: 8 }),
  files: fc.array(file, { minLength: 1, maxLength: 12 }),
  links: fc.array(fc.record({ at: place, name: fc.constantFrom("link", "l 2"), target: fc.constantFrom(...TARGETS) }), {
    maxLength: 4,
  }),
  hardLinks: fc.array(fc.record({ from: fc.nat(11), at: place }), { maxLength: 2 }),
  databases: fc.uniqueArray(place, { maxLength: 2 }),
  config: fc.record({
    trees: fc.array(
      fc.record({
        path: fc.oneof(place, fc.constantFrom("a/f", "g.txt", "media/näme", "a/link", "link")),
        exclude: fc.subarray(["*.txt", "/c/", "in/deep"], { maxLength: 2 }),
        shardAbove: fc.constantFrom(0, 64),
      }),
      { maxLength: 3 },
    ),
    media: fc.uniqueArray(directory, { maxLength: 2 }),
    legacy: fc.option(directory),
    audio: fc.option(directory),
    projects: fc.option(place),
    compiled: fc.option(place, { freq: 1 }),
    settings: fc.uniqueArray(fc.constantFrom("a/f", "media/g.txt", "f"), { maxLength: 2 }),
    outside: fc.boolean(),
    followLinks: fc.boolean(),
  }),
});

export interface GeneratedSite {
  readonly root: string;
  /** A directory beside the site that links lead to, and that may be a tree. */
  readonly out: string;
  readonly config: string;
  readonly store: string;
  /** Absolute paths of SQLite databases. */
  readonly databases: readonly string[];
}

/** Makes the site below `base`. Whatever a spec names twice, or in the place of something else, is made once. */
export function makeGenerated(base: string, spec: SiteSpec): GeneratedSite {
  const root = join(base, "site");
  const out = join(base, "out");
  mkdirSync(join(out, "shared/deep"), { recursive: true });
  writeFileSync(join(out, "shared/deep/photo"), "photo\n");
  mkdirSync(root, { recursive: true });
  for (const one of spec.directories) mkdirSync(join(root, one), { recursive: true });
  const made: string[] = [];
  for (const { at, name, size, mode } of spec.files)
    attempt(() => {
      const path = join(root, at, name);
      writeFileSync(path, content(path, size), { flag: "wx" });
      chmodSync(path, mode);
      made.push(path);
    });
  for (const { at, name, target } of spec.links)
    attempt(() => symlinkSync(target.replace("OUT", out), join(root, at, name)));
  for (const { from, at } of spec.hardLinks)
    attempt(() => linkSync(made[from % Math.max(1, made.length)] ?? "", join(root, at, "hard")));
  const databases: string[] = [];
  for (const at of spec.databases)
    attempt(() => {
      const path = join(root, at, "data.sqlite3");
      mkdirSync(dirname(path), { recursive: true });
      execFileSync("sqlite3", [path, "create table t(i, s); insert into t values (1, 'a'), (2, zeroblob(4000))"]);
      databases.push(path);
    });
  settle(base);
  const config = join(base, "site.yaml");
  const store = join(base, "store");
  writeFileSync(config, stringify(configOf(spec, { root, out, store, databases })));
  return { root, out, config, store, databases };
}

function configOf({ config }: SiteSpec, site: { root: string; out: string; store: string; databases: string[] }) {
  const { trees, media, legacy, audio, projects, compiled, settings, outside, followLinks } = config;
  const pages = compiled === null ? {} : { compiled: { text_types: { normal: { path: join(compiled, "{id}") } } } };
  const database = site.databases.map((path, index) => ({ name: `db${index}`, url: `sqlite:///${path}` }));
  const named = trees.map(({ path, exclude, shardAbove }, index) => ({
    name: `tree${index}`,
    path,
    exclude,
    shard_above_mb: shardAbove,
  }));
  return {
    site: "generated",
    root: site.root,
    dest: site.store,
    ...(database.length === 0 ? {} : { database }),
    ...(projects === null
      ? {}
      : { projects: { glob: join(projects, "*"), source: { path: join(projects, "{id}") }, ...pages } }),
    ...(legacy === null ? {} : { legacy: { path: legacy } }),
    ...(audio === null ? {} : { audio_cache: { path: audio } }),
    ...(media.length === 0 ? {} : { snapshots: { media } }),
    trees: [...named, ...(outside ? [{ name: "outside", path: site.out }] : [])],
    ...(settings.length === 0 ? {} : { infra: { settings } }),
    follow_links: followLinks,
  };
}

/** Text without secrets, other in each file. */
const content = (path: string, size: number): string =>
  `# ${path.replaceAll(/\W/g, " ")} is plain text\n`.repeat(Math.ceil(size / 20)).slice(0, size);

function attempt(make: () => void): void {
  try {
    make();
  } catch {
    // its directory is not part of this site, or something is there already
  }
}

/** Gives everything a time of last year, so that a fingerprint trusts it, and directories modes of their own. */
function settle(base: string): void {
  const paths = execFileSync("find", [base, "-depth", "-print0"], { encoding: "latin1" }).split("\0").slice(0, -1);
  for (const [index, path] of paths.entries()) {
    const bytes = Buffer.from(path, "latin1");
    lutimesSync(bytes, 1_750_000_000 + index, 1_750_000_000 + index);
  }
  utimesSync(base, 1_750_000_000, 1_750_000_000);
}
