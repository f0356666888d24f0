/** Runs, exports and packages made to hang a reader, to overflow its stack or to fill its memory: each is refused, in little memory. */
import { execFileSync } from "node:child_process";
import {
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import { builtScript } from "../../support/commands/build.ts";
import { startProgram } from "../../support/commands/run.ts";
import { makeTemp, tempDirectory } from "../../support/temp.ts";

/** What waits for a writer of a FIFO waits for ever. */
const END_MS = 60_000;
/** Of the old generation; ten times what a small run needs. */
const HEAP_MB = 400;

let base = "";
const env = { XDG_STATE_HOME: "" };

async function command(name: string, ...args: string[]) {
  const node = [process.execPath, `--max-old-space-size=${HEAP_MB}`, builtScript(name), ...args];
  return await startProgram(node, { env, timeout: END_MS }).done;
}

beforeAll(async () => {
  base = makeTemp();
  env.XDG_STATE_HOME = join(base, "state");
  const root = join(base, "site");
  for (const directory of ["content/a", "media"]) mkdirSync(join(root, directory), { recursive: true });
  for (const name of ["a", "b"]) writeFileSync(join(root, "media", name), name);
  writeFileSync(join(root, "content/a/text.txt"), "text");
  const sql =
    "create table p (id integer primary key, slug text not null unique, x text); insert into p values (1, 'a', 'b')";
  execFileSync("sqlite3", [join(root, "db.sqlite3"), sql]);
  execFileSync("sqlite3", [join(base, "target.sqlite3"), sql.split(";")[0] ?? ""]);
  writeFileSync(
    join(base, "site.yaml"),
    `site: s
root: ${root}
dest: ${base}/store
database: { url: "sqlite:///db.sqlite3" }
projects: { query: "select id, slug from p", source: { path: "content/{slug}" } }
trees: [media]
`,
  );
  const config = join(base, "site.yaml");
  for (const [name, ...args] of [
    ["backup_all", "--config", config],
    ["portable", "export", "--database", `sqlite://${root}/db.sqlite3`, "-o", join(base, "exp"), "--no-timestamp"],
    ["portable", "package", "--config", config, "-o", join(base, "package.tgz")],
  ] as const)
    expect((await command(name, ...args)).stderr).not.toContain("error:");
});

/** Something else in place of a file. */
const PUT: Readonly<Record<string, (file: string) => void>> = {
  "a FIFO": (file) => {
    rmSync(file);
    execFileSync("mkfifo", [file]);
  },
  "a link to a FIFO": (file) => {
    rmSync(file);
    execFileSync("mkfifo", [`${file}.fifo`]);
    symlinkSync(`${file}.fifo`, file);
  },
  "a link to /dev/zero": (file) => {
    rmSync(file);
    symlinkSync("/dev/zero", file);
  },
  "a line without end": (file) => truncateSync(file, 600 * 1024 * 1024),
  "brackets without end": (file) => writeFileSync(file, "[".repeat(30_000_000)),
  "empty lists": (file) => writeFileSync(file, `[${"[],".repeat(15_000_000)}[]]`),
};

describe("a run", () => {
  const FILES = [
    "manifest.json",
    "places.json",
    "failures.json",
    "SHA256SUMS",
    "run.log",
    "source_exports/failures.json",
  ];
  const metadata = (run: string): string =>
    join(
      "source_exports",
      readdirSync(join(run, "source_exports")).find((name) =>
        statSync(join(run, "source_exports", name)).isDirectory(),
      ) ?? "",
      "metadata.json",
    );

  test.each(FILES.concat("metadata.json").flatMap((file) => Object.keys(PUT).map((how) => ({ file, how }))))(
    "$file is $how",
    async ({ file, how }) => {
      const store = join(tempDirectory(), "store");
      cpSync(join(base, "store"), store, { recursive: true, verbatimSymlinks: true });
      const run = realpathSync(join(store, "latest"));
      PUT[how]?.(join(run, file === "metadata.json" ? metadata(run) : file));
      // The checksums of what is that long take most of the time, and say nothing of its readers.
      const isRead = !["run.log", "places.json"].includes(file);
      const quick = isRead && how === "a line without end" ? ["--quick"] : [];
      const { code, stdout, stderr } = await command("verify", "--dest", store, ...quick);
      expect({ code, said: stdout + stderr }).toMatchObject({ code: 13 });
      expect(stderr).not.toContain("E_INTERNAL");
    },
  );

  test.each(["a FIFO", "a link to /dev/zero", "a line without end"])("an archive is %s", async (how) => {
    const store = join(tempDirectory(), "store");
    cpSync(join(base, "store"), store, { recursive: true, verbatimSymlinks: true });
    const run = realpathSync(join(store, "latest"));
    for (const step of ["source_exports", "trees"])
      for (const name of readdirSync(join(run, step), { recursive: true, encoding: "utf8" }))
        if (/\.(?:zip|tgz)$/.test(name)) PUT[how]?.(join(run, step, name));
    const [verified, found, restored] = [
      await command("verify", "--dest", store),
      await command("find", "x", "--dest", store),
      await command("restore", "--dest", store, "--to", join(store, "../to"), "--yes"),
    ];
    expect([verified.code, found.code]).toEqual([13, 13]);
    expect(restored.code).not.toBe(0);
    expect(restored.code).not.toBeNull();
  });
});

describe("an export", () => {
  test.each(["manifest.json", "schema.json"].flatMap((file) => Object.keys(PUT).map((how) => ({ file, how }))))(
    "$file is $how",
    async ({ file, how }) => {
      const copy = join(tempDirectory(), "exp");
      cpSync(join(base, "exp"), copy, { recursive: true });
      PUT[how]?.(join(copy, file));
      const { code } = await command("portable", "import", copy, "--database", `sqlite://${base}/target.sqlite3`);
      expect(code).toBe(13);
    },
  );

  const rows = (directory: string): string =>
    join(
      directory,
      readdirSync(directory, { recursive: true, encoding: "utf8" }).find((name) => name.endsWith(".ndjson.gz")) ?? "",
    );

  test.each(["a FIFO", "a link to /dev/zero"])("a file of rows is %s", async (how) => {
    const copy = join(tempDirectory(), "exp");
    cpSync(join(base, "exp"), copy, { recursive: true });
    PUT[how]?.(rows(copy));
    const args = ["import", copy, "--database", `sqlite://${base}/target.sqlite3`];
    expect((await command("portable", ...args)).code).toBe(13);
    expect((await command("portable", ...args, "--no-verify-checksum")).code).not.toBe(0);
  });

  test.each([
    ["a line without end", "x".repeat(300_000_000), "a line of more than 134217728 bytes"],
    ["empty lists", `[1,"a",[${"[],".repeat(20_000_000)}[]]]\n`, "line 2 is not valid JSON"],
  ])("rows: %s", async (_name, line, said) => {
    const copy = join(tempDirectory(), "exp");
    cpSync(join(base, "exp"), copy, { recursive: true });
    const [header = ""] = gunzipSync(readFileSync(rows(copy)))
      .toString("utf8")
      .split("\n");
    writeFileSync(rows(copy), gzipSync(`${header}\n${line}`, { level: 1 }));
    const args = ["import", copy, "--database", `sqlite://${base}/target.sqlite3`, "--no-verify-checksum"];
    const { code, stderr } = await command("portable", ...args);
    expect({ code, stderr }).toEqual({ code: 13, stderr: expect.stringContaining(said) });
  });
});

describe("a package", () => {
  const restore = async (file: string) =>
    await command("restore", "--package", file, "--to", join(tempDirectory(), "to"), "--yes");

  test("a FIFO or a device is refused; a link to a package is accepted", async () => {
    const directory = tempDirectory();
    execFileSync("mkfifo", [join(directory, "fifo")]);
    expect((await restore(join(directory, "fifo"))).code).toBe(13);
    expect((await restore("/dev/zero")).code).toBe(13);
    symlinkSync(join(base, "package.tgz"), join(directory, "link"));
    expect((await restore(join(directory, "link"))).code).toBe(0);
  });

  test.each(["package.manifest.json", "checks.json"])("%s is longer than its files can make it", async (name) => {
    const tar = gunzipSync(readFileSync(join(base, "package.tgz")));
    const directory = tempDirectory();
    execFileSync("tar", ["-xf", "-", "-C", directory], { input: tar });
    writeFileSync(join(directory, name), `[${"[],".repeat(20_000_000)}[]]`);
    const file = join(tempDirectory(), "package.tgz");
    execFileSync("tar", ["-czf", file, "--format=pax", "-C", directory, ...readdirSync(directory)]);
    expect((await restore(file)).code).toBe(13);
  });
});
