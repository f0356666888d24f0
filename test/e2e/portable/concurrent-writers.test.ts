/** An export made while others write is of one moment: money that moves between two rows is in one of them, and every link leads to a row that is there. */
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { change, rowsOf, useEngines } from "../../support/portable/engines.ts";
import { suiteDirectory } from "../../support/temp.ts";

const NAMES = ["PostgreSQL", "MariaDB", "SQLite"] as const;
const ACCOUNTS = 40;
const ROWS = 4000;
/** The tables are read one after the other, in another order than they are written in. */
const SCHEMA = `create table ledger (name varchar(20) primary key, balance integer not null);
  create table posting (code varchar(20) primary key, ledger varchar(20) not null, amount integer not null, foreign key (ledger) references ledger (name));
  create table wallet (name varchar(20) primary key, balance integer not null, note varchar(200));`;

const engines = useEngines();
const directory = suiteDirectory("holdfast-portable-writers-");

function rowsOfTable(output: string, table: string): unknown[][] {
  const [schema = ""] = readdirSync(join(output, "data")).filter((name) => name === table || name === "public");
  const from = schema === table ? join(output, "data", table) : join(output, "data", schema, table);
  return readdirSync(from).flatMap((file) =>
    gunzipSync(readFileSync(join(from, file)))
      .toString()
      .trim()
      .split("\n")
      .filter((line) => line.startsWith("["))
      .map((line) => JSON.parse(line) as unknown[]),
  );
}

test.each(NAMES)("%s", async (name) => {
  const accounts = Array.from({ length: ACCOUNTS }, (_, at) => `('a${at}', 100)`).join(", ");
  const wallets = Array.from({ length: ROWS }, (_, at) => `('w${at}', 100, '${"text ".repeat(30)}')`).join(", ");
  const url = await engines
    .of(name)
    .make(
      `${SCHEMA} insert into ledger values ${accounts}; insert into wallet values ${wallets}; insert into posting values ('p0', 'a0', 1);`,
    );
  let [count, isOver] = [0, false];
  const failures: unknown[] = [];
  const writer = (async (): Promise<void> => {
    while (!isOver) {
      const [from, to, amount] = [`a${(count * 7) % ACCOUNTS}`, `w${(count * 11) % ROWS}`, 1 + (count % 9)];
      try {
        await change(
          url,
          `update wallet set balance = balance + ${amount} where name = '${to}'`,
          `insert into ledger values ('n${count}', 0)`,
          `insert into posting values ('n${count}', 'n${count}', ${amount})`,
          `delete from posting where code = 'n${count - 5}'`,
          `delete from ledger where name = 'n${count - 5}'`,
          `update ledger set balance = balance - ${amount} where name = '${from}'`,
        );
        count++;
      } catch (error) {
        failures.push(error);
      }
      await sleep(5);
    }
  })();
  for (let at = 0; at < 3; at++) {
    const output = join(directory, `${name}-${at}`);
    const before = count;
    const { code, stderr } = await runBuilt("portable", ["export", "--database", url, "-o", output, "--no-timestamp"]);
    expect({ code, stderr }).toMatchObject({ code: 0 });
    expect(count).toBeGreaterThan(before);
    const sum = (table: string): number =>
      rowsOfTable(output, table).reduce((all, [, balance]) => all + Number(balance), 0);
    expect(sum("ledger") + sum("wallet")).toBe((ACCOUNTS + ROWS) * 100);
    const known = new Set(rowsOfTable(output, "ledger").map(([key]) => String(key)));
    for (const [, link] of rowsOfTable(output, "posting")) expect(known).toContain(String(link));
    const empty = await engines.of("SQLite").make(SCHEMA);
    expect((await runBuilt("portable", ["import", output, "--database", empty])).code).toBe(0);
    expect(
      await rowsOf(empty, "select sum(balance) from (select balance from ledger union all select balance from wallet)"),
    ).toEqual([`${(ACCOUNTS + ROWS) * 100}`]);
  }
  isOver = true;
  await writer;
  expect(failures).toEqual([]);
});
