/** A package restored in place: locked, saved first, confirmed or taken back, whatever happened on the way. */
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { acquireLock } from "../../../lib/store/lock/acquire.ts";
import { startBuilt } from "../../support/runs/backup.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { makePackageSite, POSTGRES_ID, siteSchema, siteUsers, SQLITE_ID } from "../../support/sites/package.ts";
import { change, rowsOf, useEngines } from "../../support/portable/engines.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { suiteDirectory } from "../../support/temp.ts";

const SCHEMAS: Readonly<Record<string, string>> = {
  SQLite: siteSchema(SQLITE_ID),
  PostgreSQL: siteSchema(POSTGRES_ID),
  MariaDB: siteSchema("integer auto_increment primary key").replace("(key ", "(`key` "),
};
const NOTES = "select slug, body from app_note order by slug";
const OLD = ["own|mine"];
const NEW = ["first|one", "own|mine", "second|two 🎧"];

const directory = suiteDirectory("holdfast-package-in-place-");
const engines = useEngines();
let count = 0;
const packages = { plain: "", dump: "" };
beforeAll(async () => {
  const config = makePackageSite(directory);
  for (const [name, flags] of [
    ["plain", []],
    ["dump", ["--from-dump", "--include-users", "--include-passwords"]],
  ] as const) {
    packages[name] = join(directory, `${name}.tgz`);
    const made = await runInProcess("portable", ["package", "--config", config, "-o", packages[name], ...flags]);
    if (made.code !== 0) throw new Error(made.stderr);
  }
}, 120_000);

interface Site {
  readonly url: string;
  readonly config: string;
  readonly dest: string;
  readonly root: string;
  readonly media: string;
}

/** Another host's site: with users, a note of its own and an old file. */
async function site(name = "SQLite", rights = "createdb"): Promise<Site> {
  const home = join(directory, `host-${++count}`);
  const [root, dest] = [join(home, "site"), join(home, "store")];
  const media = join(root, "media");
  mkdirSync(media, { recursive: true });
  writeFileSync(join(media, "old.txt"), "old");
  const url = await engines
    .of(name)
    .make(
      `${name === "PostgreSQL" ? `reset role; alter role clara ${rights}; set role clara;` : ""} ${SCHEMAS[name]}; ${siteUsers(70, "own")}; insert into app_note values (1, 'own', 70, 'mine')`,
    );
  const config = join(home, "site.yaml");
  const password = /^\w+:\/\/[^:/@]+:([^@]+)@/.exec(url)?.[1];
  writeFileSync(join(home, "password"), password ?? "", { mode: 0o600 });
  writeFileSync(
    config,
    [
      "site: notes",
      `root: ${root}`,
      `dest: ${dest}`,
      `database: { url: '${url.replace(/:[^:/@]+@/, "@")}'${password === undefined ? "" : `, password_file: ${home}/password`} }`,
      "snapshots: { media: [media] }",
    ].join("\n"),
  );
  return { url, config, dest, root, media };
}

const restore = async ({ config }: Site, ...args: string[]): Promise<RunResult> =>
  await runInProcess("restore", [
    "--config",
    config,
    "--json",
    ...(args[0]?.startsWith("--") === true ? args : ["--package", ...args, "--in-place", "--yes"]),
  ]);
const ended = ({ json, code, stderr }: RunResult): Record<string, unknown> => ({
  code,
  stderr,
  ...(json.at(-1) as object),
});
async function stateOf({ url, media, root }: Site): Promise<unknown> {
  return {
    notes: await rowsOf(url, NOTES),
    media: readdirSync(media).includes("old.txt") ? "old" : "new",
    beside: readdirSync(root).filter((name) => name !== "media").length,
  };
}
const BEFORE = { notes: OLD, media: "old", beside: 0 };
const AFTER = { notes: NEW, media: "new", beside: 0 };

describe.each(["SQLite", "PostgreSQL", "MariaDB"])("on %s", (name) => {
  test("what was there is saved first, kept, and comes back by --rollback; by --confirm it goes", async () => {
    const place = await site(name);
    const done = ended(await restore(place, packages.plain));
    expect(done).toMatchObject({ code: 0, kept: true, data: { warnings: [] } });
    const run = String(done["safety_run"]);
    expect(JSON.parse(readFileSync(join(place.dest, "runs", run, "manifest.json"), "utf8"))).toMatchObject({ run });
    expect(await stateOf(place)).toEqual({ ...AFTER, beside: 1 });
    expect(ended(await restore(place, packages.plain))).toMatchObject({
      code: 1,
      error_code: "E_PENDING",
      message: expect.stringMatching(/^the restore \S+ of the package plain\.tgz keeps what it replaced/),
      hint: expect.stringMatching(/--confirm \S+ .*--rollback/),
    });
    expect(ended(await restore(place, "--rollback"))).toMatchObject({ code: 0, phase: "rolled_back", package: true });
    expect(await stateOf(place)).toEqual(BEFORE);
    expect((await restore(place, packages.plain)).code).toBe(0);
    expect((await restore(place, "--confirm")).code).toBe(0);
    expect(await stateOf(place)).toEqual(AFTER);
    const again = ended(await restore(place, packages.plain));
    expect(again).toMatchObject({ code: 0, kept: false, trees: [{ state: "unchanged", kept: null }] });
    expect(await stateOf(place)).toEqual(AFTER);
  }, 60_000);

  test("a tree that cannot be swapped, when the data are in: all is as it was", async () => {
    const place = await site(name);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "holdfast-test", place.media]);
    try {
      writeFileSync(join(place.media, "old.txt"), "old");
      expect(ended(await restore(place, packages.plain))).toMatchObject({ code: 1, error_code: "E_TARGET" });
      expect(await stateOf(place)).toEqual(BEFORE);
    } finally {
      execFileSync("umount", [place.media]);
    }
    expect(ended(await restore(place, "--rollback"))).toMatchObject({ error_code: "E_RUN_UNKNOWN" });
  }, 60_000);
});

test("a password in the config's URL is in no record, and a rollback knows it", async () => {
  const place = await site("PostgreSQL");
  const [, password = ""] = /:([^:/@]+)@/.exec(place.url) ?? [];
  const text = readFileSync(place.config, "utf8").replace(/url: '[^']*', password_file: [^ ]*/, `url: '${place.url}'`);
  expect(text).toContain(password);
  writeFileSync(place.config, text);
  const done = await restore(place, packages.plain);
  expect([done.code, `${done.stdout}${done.stderr}`.includes(password)]).toEqual([0, false]);
  for (const name of readdirSync(join(place.dest, "restores")))
    expect(readFileSync(join(place.dest, "restores", name), "utf8")).not.toContain(password);
  expect((await restore(place, "--rollback")).code).toBe(0);
  expect(await stateOf(place)).toEqual(BEFORE);
});

test("where the server forbids to bring the database back, that is said, and a rollback changes nothing", async () => {
  const place = await site("PostgreSQL", "nocreatedb");
  const done = ended(await restore(place, packages.plain));
  const warning = expect.stringMatching(/^--rollback could not restore the database: clara may not create databases/);
  expect(done).toMatchObject({ code: 0, data: { warnings: [warning] } });
  expect((await restore(place, "--rollback")).code).toBe(1);
  expect(await stateOf(place)).toEqual({ ...AFTER, beside: 1 });
  expect((await restore(place, "--confirm")).code).toBe(0);
  expect(await stateOf(place)).toEqual(AFTER);
});

test.each(["unpacking", "saving", "importing", "swapping"])(
  "killed while %s: nothing begins until it is recovered, and then it is whole or has not been",
  async (phase) => {
    const place = await site();
    const { child, done } = startBuilt("restore", [
      "--config",
      place.config,
      ...["--package", packages.plain, "--in-place", "--yes", "--json"],
    ]);
    child.stdout?.on("data", (text: string) => {
      if (text.includes(`"${phase}"`)) child.kill("SIGKILL");
    });
    expect((await done).signal).toBe("SIGKILL");
    for (const [script, args] of [
      ["restore", ["--package", packages.plain, "--in-place", "--yes"]],
      ["reinit", ["--yes", "--i-mean-it"]],
    ] as const)
      expect(ended(await runInProcess(script, ["--config", place.config, "--json", ...args]))).toMatchObject({
        code: 1,
        error_code: "E_PENDING",
        message: expect.stringMatching(/of the package plain\.tgz was interrupted/),
        hint: expect.stringContaining("--recover"),
      });
    const recovered = ended(await restore(place, "--recover"));
    expect(recovered).toMatchObject({ code: 0 });
    if (recovered["phase"] === "completed") expect(await stateOf(place)).toEqual({ ...AFTER, beside: 1 });
    else expect(await stateOf(place)).toEqual(BEFORE);
    if (recovered["phase"] === "completed") expect((await restore(place, "--confirm")).code).toBe(0);
    expect((await restore(place, packages.plain)).code).toBe(0);
    expect(await stateOf(place)).toMatchObject({ notes: NEW, media: "new" });
  },
  60_000,
);

test("killed between the commit and its record: the database comes back from the safety run", async () => {
  const place = await site();
  expect((await restore(place, packages.plain)).code).toBe(0);
  const [file = ""] = readdirSync(join(place.dest, "restores"));
  const record = join(place.dest, "restores", file);
  const text = readFileSync(record, "utf8")
    .replace('"state": "committed"', '"state": "begun"')
    .replace('"swap": "done"', '"swap": "begun"')
    .replace('"phase": "completed"', '"phase": "restoring"');
  writeFileSync(record, text);
  expect(ended(await restore(place, "--recover"))).toMatchObject({ code: 0, phase: "rolled_back" });
  expect(await stateOf(place)).toEqual(BEFORE);
});

test("a dump takes the database's place, and goes back by --rollback", async () => {
  const place = await site();
  const done = ended(await restore(place, packages.dump));
  expect(done).toMatchObject({ code: 0, kept: true, safety_run: null });
  expect(await rowsOf(place.url, NOTES)).toEqual(["first|one", "second|two 🎧"]);
  expect((await restore(place, "--rollback")).code).toBe(0);
  expect(await stateOf(place)).toEqual(BEFORE);
});

test("while another command holds the store's lock nothing begins", async () => {
  const place = await site();
  mkdirSync(place.dest);
  expect((await runInProcess("backup_all", ["--config", place.config])).code).toBe(0);
  const { signal } = new AbortController();
  const options = { command: "backup_all", signal, tmp: join(place.dest, ".tmp"), onCompromised: () => {} };
  const lock = await acquireLock(join(place.dest, ".lock"), options);
  try {
    expect(ended(await restore(place, packages.plain))).toMatchObject({ code: 11, error_code: "E_LOCKED" });
    expect(await stateOf(place)).toEqual(BEFORE);
  } finally {
    await lock.release();
  }
});

test("what cannot be saved is not replaced without a reason; with one there is no rollback, and that is said", async () => {
  const place = await site();
  const other = await site();
  const args = ["--package", packages.plain, "--in-place", "--yes"];
  const elsewhere = [...args, "--database", other.url];
  expect(ended(await restore(place, ...elsewhere))).toMatchObject({ code: 1, error_code: "E_SAFETY" });
  expect([await stateOf(place), await stateOf(other)]).toEqual([BEFORE, BEFORE]);
  expect(ended(await restore(place, ...elsewhere, "--no-safety"))).toMatchObject({ code: 2 });
  const done = ended(await restore(place, ...elsewhere, "--no-safety", "--reason", "a test"));
  expect(done).toMatchObject({ code: 0, safety_run: null });
  expect(await rowsOf(other.url, NOTES)).toEqual(NEW);
  expect(ended(await restore(place, "--rollback", "--database", other.url))).toMatchObject({ error_code: "E_SAFETY" });
  expect((await restore(place, "--confirm")).code).toBe(0);
});

test("without a store there is no lock and no safety run: an error; with --to none is needed", async () => {
  const place = await site();
  writeFileSync(place.config, readFileSync(place.config, "utf8").replace(/^dest:.*\n/m, ""));
  const refused = ended(await restore(place, packages.plain));
  expect(refused).toMatchObject({ code: 2, message: expect.stringMatching(/no store/) });
  const to = join(directory, "to");
  const args = ["--package", packages.plain, "--to", to];
  expect((await runInProcess("restore", args)).code).toBe(0);
  for (const flag of [["--dest", place.dest], ["--break-lock"], ["--no-safety", "--reason", "x"]])
    expect((await runInProcess("restore", [...args, ...flag])).code).toBe(2);
  expect(existsSync(place.dest)).toBe(false);
});

describe("the host's portable.map", () => {
  const refined = async (map: object, users: object = {}): Promise<Site> => {
    const place = await site();
    writeFileSync(
      place.config,
      `${readFileSync(place.config, "utf8")}\nportable: ${JSON.stringify({ map, ...users })}\n`,
    );
    return place;
  };
  const AUTHORS =
    "select n.slug, u.username from app_note n join auth_user u on u.id = n.author_id where n.slug <> 'own' order by 1";

  test("leads rows to others than those of the package, as at an import, and every other check still holds", async () => {
    const place = await refined({ auth_user: { ann: "bob" }, app_note: { second: "own" } });
    const dry = ended(await restore(place, "--package", packages.plain, "--in-place", "--dry-run"));
    const data = {
      mapped: expect.arrayContaining([
        expect.objectContaining({ table: "auth_user", from: "(ann)", to: "(bob)", links: 1 }),
        expect.objectContaining({ table: "app_note", from: "(second)", to: "(own)", rows: 1 }),
      ]),
    };
    expect(dry).toMatchObject({ code: 0, data });
    expect(await stateOf(place)).toEqual(BEFORE);
    expect(ended(await restore(place, packages.plain))).toMatchObject({ code: 0, data });
    expect(await rowsOf(place.url, AUTHORS)).toEqual(["first|bob"]);
    expect(await rowsOf(place.url, "select name from auth_group")).toEqual(["editors"]);
  });

  test("that names a row which is nowhere is refused, and nothing is changed", async () => {
    const place = await refined({ auth_user: { ann: "nobody" } });
    const refused = ended(await restore(place, packages.plain));
    expect(refused).toMatchObject({ code: 2, error_code: "E_CONFIG", message: expect.stringContaining("nobody") });
    expect(await stateOf(place)).toEqual(BEFORE);
    expect(ended(await restore(place, "--recover"))).toMatchObject({ error_code: "E_RUN_UNKNOWN" });
  });

  test("and its users that are nowhere are made, disabled", async () => {
    const disabled = { password: { unusable_password: true }, email: "" };
    const place = await refined({}, { users: { table: "auth_user", create_missing: true, disabled } });
    await change(place.url, "update auth_user set username = 'robert' where username = 'bob'");
    expect(ended(await restore(place, packages.plain))).toMatchObject({
      code: 0,
      data: { created_disabled: [{ table: "auth_user", key: "(bob)" }] },
    });
    expect(await rowsOf(place.url, AUTHORS)).toEqual(["first|ann", "second|bob"]);
    expect(await rowsOf(place.url, "select password like '!%' from auth_user where username = 'bob'")).toEqual(["1"]);
  });
});
