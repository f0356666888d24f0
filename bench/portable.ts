/**
 * Portable data beside the server's own COPY, and beside Django's dumpdata and loaddata, in the same rounds: `npm run bench -- portable`, with `--rows N`,
 * `--rounds N`, `--engines postgresql,mariadb,sqlite,django`, `--django-rows N` and `--directory DIR` after it. Prints a table and writes it to `bench/results/`.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, hostname, loadavg, tmpdir, totalmem } from "node:os";
import path from "node:path";
import yargs from "yargs";
import { mariadbServer } from "../lib/database/mysql/private-server.ts";
import { postgresServer } from "../lib/database/postgres/private-server.ts";
import { startPrivateServer } from "../lib/database/access/private-server.ts";
import { runCommand } from "../lib/exec/command.ts";
import { measure, type Cost } from "./support/measure.ts";
import { DJANGO_PEERS, djangoRounds, hasDjango } from "./support/portable-django.ts";
import { CHANGE, fill, TABLES } from "./support/portable-tables.ts";
import { openSqliteFile } from "../lib/sqlite/open.ts";

const flags = yargs(process.argv.slice(2))
  .option("rows", { type: "number", default: 1_000_000 })
  .option("rounds", { type: "number", default: 3 })
  .option("engines", { type: "string", default: "postgresql,mariadb,sqlite,django" })
  .option("django-rows", { type: "number", default: 10_000 })
  .option("directory", { type: "string", default: tmpdir() })
  .strict()
  .parseSync();

const portable = `node ${path.join(import.meta.dirname, "../dist/scripts/portable.js")}`;
const stopped = new AbortController();
const costs = new Map<string, Cost[]>();
const counts = new Map<string, number>();

async function once(
  name: string,
  line: string,
  env: Readonly<Record<string, string>>,
  rows = flags.rows,
): Promise<void> {
  counts.set(name, rows);
  const cost = await measure(line, env);
  costs.set(name, [...(costs.get(name) ?? []), cost]);
  process.stderr.write(`${name}: ${cost.wall.toFixed(2)} s, CPU ${cost.cpu.toFixed(2)} s, ${cost.rss.toFixed(0)} MB\n`);
}

async function postgresql(directory: string, output: string): Promise<void> {
  const server = await startPrivateServer(postgresServer, { directory, signal: stopped.signal });
  const env = { PGPASSWORD: server.password };
  const psql = (database: string): string => `psql -X -q -v ON_ERROR_STOP=1 -d ${server.urlOf(database)}`;
  const sql = async (database: string, text: string): Promise<void> =>
    void (await runCommand([...psql(database).split(" "), "-c", text], {
      signal: stopped.signal,
      env: { ...process.env, ...env },
    }));
  const fresh = async (name: string): Promise<void> => {
    await sql("postgres", `drop database if exists ${name}`);
    await sql("postgres", `create database ${name}`);
    await sql(name, TABLES.postgresql);
    await sql("postgres", "checkpoint");
  };
  try {
    await fresh("source");
    await sql("source", fill(flags.rows));
    for (let round = 0; round < flags.rounds; round++) {
      rmSync(output, { recursive: true, force: true });
      const [from, to] = [`--database ${server.urlOf("source")}`, `--database ${server.urlOf("target")}`];
      const copies = (how: string): string =>
        ["category", "item"].map((table) => `-c "\\copy ${table} ${how} '${directory}/${table}.txt'"`).join(" ");
      await once("psql \\copy out", `${psql("source")} ${copies("to")}`, env);
      await once("export", `${portable} export ${from} -o ${output} --no-timestamp`, env);
      await fresh("copied");
      await once("psql \\copy in", `${psql("copied")} ${copies("from")}`, env);
      await fresh("target");
      await once("import, empty", `${portable} import ${output} ${to}`, env);
      await sql("target", "vacuum analyze");
      await once("import, unchanged", `${portable} import ${output} ${to}`, env);
      await sql("target", CHANGE);
      await once("import, 1 % changed", `${portable} import ${output} ${to}`, env);
      await once("verify", `${portable} verify ${output} ${to}`, env);
    }
  } finally {
    await server.stop();
  }
}

async function mariadb(directory: string, output: string): Promise<void> {
  const server = await startPrivateServer(mariadbServer, { directory, signal: stopped.signal });
  const env = { MYSQL_PWD: server.password };
  const sql = async (text: string): Promise<void> =>
    void (await runCommand(
      [
        "mariadb",
        "--no-defaults",
        "--host=127.0.0.1",
        `--port=${new URL(server.urlOf("x")).port}`,
        "--user=root",
        `--execute=${text}`,
      ],
      { signal: stopped.signal, env: { ...process.env, ...env } },
    ));
  try {
    for (let round = 0; round < flags.rounds; round++) {
      await sql(`drop database if exists target; create database target; use target; ${TABLES.mariadb}`);
      await inAndOut("MariaDB", server.urlOf("target"), directory, output, env);
    }
  } finally {
    await server.stop();
  }
}

async function sqlite(directory: string, output: string): Promise<void> {
  for (let round = 0; round < flags.rounds; round++) {
    const file = path.join(directory, "target.db");
    rmSync(file, { force: true });
    const db = openSqliteFile(file, { mode: "create" });
    db.exec(TABLES.sqlite);
    db.close();
    await inAndOut("SQLite", `sqlite:///${file}`, directory, output, {});
  }
}

/** The rows that PostgreSQL exported, in and out again. */
async function inAndOut(
  name: string,
  url: string,
  directory: string,
  output: string,
  env: Readonly<Record<string, string>>,
): Promise<void> {
  const again = path.join(directory, "again");
  rmSync(again, { recursive: true, force: true });
  await once(`${name}: import, empty`, `${portable} import ${output} --database ${url} --force`, env);
  await once(`${name}: import, unchanged`, `${portable} import ${output} --database ${url} --force`, env);
  await once(`${name}: export`, `${portable} export --database ${url} -o ${again} --no-timestamp`, env);
}

const median = (values: readonly number[]): number =>
  values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;

/** Medians, with the least and the most; the ratios are the medians of those of each round. */
function render(): string {
  const lines = [
    "| work | rows | wall s | CPU s | peak MB | rows/s | to \\copy | rows/s to Django's |",
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
  ];
  for (const [name, own] of costs) {
    const spread = (pick: (cost: Cost) => number, digits: number): string => {
      const values = own.map(pick);
      return `${median(values).toFixed(digits)} (${Math.min(...values).toFixed(digits)}–${Math.max(...values).toFixed(digits)})`;
    };
    const peer = name === "export" ? "psql \\copy out" : name.startsWith("import") ? "psql \\copy in" : "";
    const beside = costs.get(peer);
    const ratio = beside && median(own.map(({ wall }, round) => wall / (beside[round]?.wall ?? Number.NaN)));
    const rows = counts.get(name) ?? 0;
    const rate = Math.round(rows / median(own.map(({ wall }) => wall)));
    const django = DJANGO_PEERS.get(name) ?? "";
    const slower = costs.get(django)?.map(({ wall }, round) => {
      const each = rows / (own[round]?.wall ?? Number.NaN);
      return (each * wall) / (counts.get(django) ?? Number.NaN);
    });
    lines.push(
      `| ${name} | ${rows.toLocaleString("en")} | ${spread(({ wall }) => wall, 2)} | ${spread(({ cpu }) => cpu, 2)} | ${spread(({ rss }) => rss, 0)} | ${rate.toLocaleString("en")} | ${ratio?.toFixed(2) ?? ""} | ${slower === undefined ? "" : median(slower).toFixed(0)} |`,
    );
  }
  return `${lines.join("\n")}\n`;
}

mkdirSync(flags.directory, { recursive: true });
const directory = mkdtempSync(path.join(flags.directory, "holdfast-bench-"));
try {
  const output = path.join(directory, "export");
  const wanted = flags.engines.split(",");
  if (wanted.some((name) => name !== "django")) await postgresql(directory, output);
  if (wanted.includes("mariadb")) await mariadb(directory, output);
  if (wanted.includes("sqlite")) await sqlite(directory, output);
  if (wanted.includes("django")) {
    const { rows, rounds, "django-rows": djangoRows } = flags;
    if (hasDjango()) await djangoRounds({ portable, directory, rounds, rows, djangoRows, once });
    else process.stderr.write("python3-django is not installed: Django is left out\n");
  }
  const table = render();
  process.stdout.write(table);
  const results = path.join(import.meta.dirname, "results");
  mkdirSync(results, { recursive: true });
  const at = new Date().toISOString();
  const how = `\`npm run bench -- portable --rows ${flags.rows} --rounds ${flags.rounds} --engines ${flags.engines}\` on ${at} (${hostname()}: ${cpus().length} × ${cpus()[0]?.model ?? "?"}, ${(totalmem() / 2 ** 30).toFixed(0)} GiB, Node ${process.versions.node}, load at the end ${loadavg()[0]?.toFixed(1)})`;
  writeFileSync(
    path.join(results, `portable-${at.slice(0, 16).replaceAll(":", "")}.md`),
    `# Portable data\n\n${how}\n\n${table}`,
  );
} finally {
  stopped.abort();
  rmSync(directory, { recursive: true, force: true });
}
