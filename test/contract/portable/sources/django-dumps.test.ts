/** Django's own dumps of a small site, brought into an empty one: it dumps the same then. */
import { execFile } from "node:child_process";
import { copyFileSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../../support/commands/in-process.ts";
import { makeTemp, removeTree } from "../../../support/temp.ts";
import { PYTHON } from "../../../support/python.ts";

/** Debian's own Python has Debian's Django. */
const DJANGO = existsSync("/usr/lib/python3/dist-packages/django/__init__.py");
const SITE = fileURLToPath(new URL("../../../support/django/", import.meta.url));
const KEYS = ["--natural-foreign", "--natural-primary"];
const execute = promisify(execFile);
let directory: string;

test("Django is there, or the tests with it are left out on purpose", () => {
  if (!DJANGO) process.stderr.write("python3-django is not installed: the tests with Django's own dumps DO NOT RUN\n");
  expect(DJANGO || process.env["CI"] === undefined).toBe(true);
});

async function manage(database: string, ...args: string[]): Promise<string> {
  const env = { ...process.env, ZOO_DATABASE: join(directory, database), PYTHONDONTWRITEBYTECODE: "1" };
  return (await execute(PYTHON, [join(SITE, "manage.py"), ...args], { env, maxBuffer: 1 << 26 })).stdout;
}

/** The records of a dump, in an order of their own. */
const recordsOf = (dump: string): string[] =>
  (JSON.parse(dump) as unknown[]).map((record) => JSON.stringify(record)).toSorted();

describe.skipIf(!DJANGO)("dumpdata of a site of all kinds of keys and values", () => {
  beforeAll(async () => {
    directory = makeTemp("holdfast-django-");
    await manage("empty.db", "migrate", "--run-syncdb", "-v0");
    copyFileSync(join(directory, "empty.db"), join(directory, "full.db"));
    await manage("full.db", "shell", "-c", readFileSync(join(SITE, "fill.py"), "utf8"));
  }, 120_000);
  afterAll(() => removeTree(directory));

  test.each([
    ["with numbers", []],
    ["with keys for links", KEYS.slice(0, 1)],
    ["without numbers", KEYS],
    ["as lines", ["--format", "jsonl"]],
  ])(
    "%s",
    async (name, flags) => {
      const database = `${name.replaceAll(" ", "-")}.db`;
      copyFileSync(join(directory, "empty.db"), join(directory, database));
      const dump = join(directory, `${database}.json`);
      writeFileSync(dump, await manage("full.db", "dumpdata", ...flags));
      const { code, stderr } = await runInProcess("portable", [
        "import",
        dump,
        "--database",
        `sqlite:///${join(directory, database)}`,
      ]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      expect(recordsOf(await manage(database, "dumpdata", ...KEYS))).toEqual(
        recordsOf(await manage("full.db", "dumpdata", ...KEYS)),
      );
      if (flags.length < 2 || name === "as lines")
        expect(await manage(database, "dumpdata")).toBe(await manage("full.db", "dumpdata"));
      // What Django reads is what it wrote: the other way round.
      const { code: verified } = await runInProcess("portable", [
        "verify",
        dump,
        "--database",
        `sqlite:///${join(directory, "full.db")}`,
      ]);
      expect(verified).toBe(0);
    },
    120_000,
  );
});
