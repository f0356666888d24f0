/**
 * Portable data beside Django's own `dumpdata` and `loaddata` with natural keys, on the site of the tests. Django gets fewer rows, since it takes some hundreds
 * a second; what counts is rows a second.
 */
import { copyFileSync, existsSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { runCommand } from "../../lib/exec/command.ts";
import { openSqliteFile } from "../../lib/sqlite/open.ts";
import { firstValue } from "../../lib/sqlite/query.ts";

/** Debian's own Python has Debian's Django. */
const PYTHON = "/usr/bin/python3";
export const hasDjango = (): boolean => existsSync("/usr/lib/python3/dist-packages/django/__init__.py");
const MANAGE = path.join(import.meta.dirname, "../../test/support/django/manage.py");
const MODELS = ["zoo.Keeper", "zoo.Cage"] as const;

/** Half of them keepers, each with a boss; half cages, which are known by their keeper and a number. */
const fill = (rows: number): string => `
  with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows >> 1})
    insert into zoo_keeper (id, badge, boss_id) select i, 'K-' || i, nullif(i / 7, 0) from n;
  with recursive n (i) as (select 1 union all select i + 1 from n where i < ${rows >> 1})
    insert into zoo_cage (keeper_id, number) select 1 + i * 7919 % ${rows >> 1}, i from n;`;

interface Measured {
  readonly portable: string;
  readonly directory: string;
  readonly rounds: number;
  /** Of ours, and of Django's. */
  readonly rows: number;
  readonly djangoRows: number;
  once(name: string, line: string, env: Readonly<Record<string, string>>, rows: number): Promise<void>;
}

/** The names of what is measured: ours, and Django's for the same. */
export const DJANGO_PEERS = new Map([
  ["Django's site: export", "Django: dumpdata"],
  ["Django's site: import, empty", "Django: loaddata"],
]);

/** Throws where a database has not as many rows as it should in the end. */
export async function djangoRounds({ portable, directory, rounds, rows, djangoRows, once }: Measured): Promise<void> {
  const at = (name: string): string => path.join(directory, `${name}.db`);
  const manage = (...args: readonly string[]): string => [PYTHON, MANAGE, ...args].join(" ");
  const envOf = (name: string) => ({ ZOO_DATABASE: at(name), PYTHONDONTWRITEBYTECODE: "1" });
  const signal = new AbortController().signal;
  await runCommand([PYTHON, MANAGE, "migrate", "--run-syncdb", "-v0"], { signal, env: envOf("empty") });
  for (const [name, count] of [
    ["many", rows],
    ["some", djangoRows],
  ] as const) {
    copyFileSync(at("empty"), at(name));
    const db = openSqliteFile(at(name), { mode: "write" });
    db.exec(fill(count));
    db.close();
  }
  const [output, dump] = [path.join(directory, "django-export"), path.join(directory, "dump.json")];
  for (let round = 0; round < rounds; round++) {
    for (const name of ["target", "loaded"]) copyFileSync(at("empty"), at(name));
    rmSync(output, { recursive: true, force: true });
    const keys = "--natural-foreign --natural-primary";
    await once("Django: dumpdata", `${manage("dumpdata", keys, ...MODELS)} > ${dump}`, envOf("some"), djangoRows);
    const models = `--models ${MODELS.join(",")}`;
    const from = `export --database sqlite:///${at("many")} ${models} -o ${output} --no-timestamp`;
    await once("Django's site: export", `${portable} ${from}`, {}, rows);
    await once("Django: loaddata", manage("loaddata", dump), envOf("loaded"), djangoRows);
    await once(
      "Django's site: import, empty",
      `${portable} import ${output} --database sqlite:///${at("target")}`,
      {},
      rows,
    );
    expectRows(at("loaded"), djangoRows);
    expectRows(at("target"), rows);
  }
  if (readFileSync(dump, "utf8").includes('"pk"')) throw new Error("Django dumped numbers, not keys");
}

function expectRows(file: string, rows: number): void {
  const db = openSqliteFile(file, { mode: "read" });
  const count = Number(firstValue(db, "select (select count(*) from zoo_keeper) + (select count(*) from zoo_cage)"));
  db.close();
  if (count !== rows) throw new Error(`${file} has ${String(count)} rows in place of ${rows}`);
}
