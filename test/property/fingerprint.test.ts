/** Whatever happens to a tree between two runs, its fingerprint is another one; as long as nothing does, it is the same. */
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FingerprintBuilder } from "../../lib/archive/fingerprint.ts";
import { fromString } from "../../lib/archive/path.ts";
import { selectEntries } from "../../lib/archive/build/select-entries.ts";
import { removeTree, tempDirectory } from "../support/temp.ts";

/** What is done to one entry of the tree; each leaves as few traces as it can. */
const MUTATIONS: Readonly<Record<string, (at: (name: string) => string) => void>> = {
  "a file grows": (at) => appendFileSync(at("file"), "more"),
  "a file is rewritten in the same size": (at) => keepingTimes(at("file"), () => writeFileSync(at("file"), "CONTENT")),
  "a file is set back in time": (at) => utimesSync(at("file"), 1, 1),
  "a file is touched to the very same time": (at) => keepingTimes(at("file"), () => {}),
  "a file is replaced by another with the same content and times": (at) => {
    const { atime, mtime } = lstatSync(at("file"));
    writeFileSync(at("fresh"), readFileSync(at("file")));
    keepingTimes(at("."), () => renameSync(at("fresh"), at("file")));
    utimesSync(at("file"), atime, mtime);
  },
  "two files change places": (at) =>
    keepingTimes(at("."), () => {
      renameSync(at("file"), at("aside"));
      renameSync(at("twin"), at("file"));
      renameSync(at("aside"), at("twin"));
    }),
  "a file gets another mode": (at) => chmodSync(at("file"), 0o600),
  "a file gets another owner": (at) => chownSync(at("file"), 12_345, lstatSync(at("file")).gid),
  "a file gets a second name outside": (at) => linkSync(at("file"), `${at(".")}-outside`),
  "a file is added": (at) => keepingTimes(at("."), () => writeFileSync(at("added"), "")),
  "a file is deleted": (at) => keepingTimes(at("."), () => unlinkSync(at("file"))),
  "a file is renamed": (at) => keepingTimes(at("."), () => renameSync(at("file"), at("File"))),
  "a file becomes a directory": (at) =>
    keepingTimes(at("."), () => {
      unlinkSync(at("file"));
      mkdirSync(at("file"));
    }),
  "an empty directory is added": (at) => keepingTimes(at("."), () => mkdirSync(at("empty"))),
  "a directory gets another mode": (at) => chmodSync(at("."), 0o700),
  "a link leads elsewhere": (at) => {
    const { atime, mtime } = lstatSync(at("link"));
    keepingTimes(at("."), () => {
      unlinkSync(at("link"));
      symlinkSync("twin", at("link"));
    });
    lutimesSync(at("link"), atime, mtime);
  },
};

function keepingTimes(path: string, change: () => void): void {
  const { atime, mtime } = lstatSync(path);
  change();
  if (existsSync(path)) utimesSync(path, atime, mtime);
}

const DIRECTORIES = [".", "a", "a/b c", "z\nz"];

function plant(root: string): void {
  for (const directory of DIRECTORIES) {
    mkdirSync(join(root, directory), { recursive: true });
    writeFileSync(join(root, directory, "file"), "content");
    writeFileSync(join(root, directory, "twin"), "CONTENT");
    symlinkSync("file", join(root, directory, "link"));
  }
  const long = 1_600_000_000;
  for (const directory of DIRECTORIES)
    for (const name of ["file", "twin", "link", "."]) lutimesSync(join(root, directory, name), long, long);
}

const unexpected = (what: unknown): never => expect.fail(JSON.stringify(what));

/** As of a walk in a while: one of now would not trust changes this young. */
function fingerprintOf(root: string): string | null {
  const builder = new FingerprintBuilder("recipe");
  const heard = { failed: unexpected, vanished: unexpected, moved: unexpected, sharedMemory: unexpected };
  const selection = { roots: [{ path: fromString(root), prefix: "" }], exclude: [], onlyFiles: false };
  for (const { entry } of selectEntries(selection, heard)) builder.add(entry);
  return builder.finish(Date.now() + 60_000).fingerprint;
}

/** Two changes within one tick of the clock are the same to everybody: that is what the two seconds are for. */
const tick = (): unknown => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 12);

test("any change of any entry shows, and an unchanged tree shows none", () => {
  const directory = tempDirectory();
  let count = 0;
  const names = Object.keys(MUTATIONS);
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...DIRECTORIES)), { minLength: 1, maxLength: 4 }),
      (mutations) => {
        const root = join(directory, `site-${count++}`);
        plant(root);
        const seen = new Set([fingerprintOf(root)]);
        expect(fingerprintOf(root)).toBe([...seen][0]);
        for (const [name, place] of mutations) {
          tick();
          try {
            MUTATIONS[name]?.((entry) => join(root, place, entry));
          } catch {
            continue; // an earlier mutation has taken away what this one needs
          }
          const now = fingerprintOf(root);
          expect(now).not.toBeNull();
          expect(seen, `${name} in ${JSON.stringify(place)}`).not.toContain(now);
          seen.add(now);
        }
        removeTree(root);
        rmSync(`${root}-outside`, { force: true, recursive: true });
      },
    ),
    { numRuns: 150, examples: names.map((name) => [[[name, "a/b c"]]]) },
  );
});
