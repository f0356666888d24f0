/** What makes rows equal to people, which one stays, and that a merge keeps what the rows say. */
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { connect } from "../../../../lib/portable/engines/connect.ts";
import { planReconcile, reconcile } from "../../../../lib/portable/reconcile/run.ts";
import { folded, groupOf, sameness } from "../../../../lib/portable/reconcile/groups.ts";
import type { Column, Kind } from "../../../../lib/portable/schema/tables.ts";
import { suiteDirectory } from "../../../support/temp.ts";
import { openDatabase } from "../../../support/sqlite.ts";
import { firstValue } from "../../../../lib/sqlite/query.ts";

const column = (kind: Kind): Column => ({ name: "c", kind, native: kind, nullable: true, generated: false, hasDefault: false }); // prettier-ignore
const row = (id: string, references: number) => ({ values: [id], said: [id], references });

describe("rows that are equal to people", () => {
  test.each([
    ["Drama", " drama  "],
    ["Sci\u00a0\t Fi", "sci fi"],
    ["STRASSE", "Straße"],
    ["Cafe\u0301", "CAFÉ"],
  ])("%j and %j", (a, b) => expect(folded(a)).toBe(folded(b)));

  test("are not those with other letters, other parts, NULL, or nothing but blanks", () => {
    expect(folded("resume")).not.toBe(folded("résumé"));
    const text = column("text");
    expect(sameness([text, text], ["a b", "c"])).not.toBe(sameness([text, text], ["a", "b c"]));
    expect(sameness([text, text], ["a", null])).toBeUndefined();
    expect(sameness([text], [" \t"])).toBeUndefined();
    expect(sameness([column("json")], ["A"])).not.toBe(sameness([column("json")], ["a"]));
  });
});

test("the row with the most references stays, of several the one with the smallest number, as numbers are", () => {
  const staying = (...rows: ReturnType<typeof row>[]): unknown => groupOf(rows, [0])?.stays.values[0];
  expect(staying(row("1", 1), row("2", 3), row("3", 2))).toBe("2");
  expect(staying(row("10", 1), row("9", 1), row("11", 1))).toBe("9");
  expect(staying(row("b", 0), row("a", 0))).toBe("a");
  expect(staying(row("1", 1))).toBeUndefined();
});

describe("a merge", () => {
  const directory = suiteDirectory("holdfast-merge-");
  let count = 0;

  const SCHEMA = `
    create table kind (id integer primary key, code text, name text not null, above_id integer references kind (id), unique (above_id, name));
    create table book (id integer primary key, first_id integer references kind (id), second_id integer references kind (id));
    create table tagged (book_id integer not null references book (id), kind_id integer not null references kind (id), primary key (book_id, kind_id));
    create table shelf (id integer primary key, book_id integer not null, kind_id integer not null, place integer not null, foreign key (book_id, kind_id) references tagged (book_id, kind_id), unique (book_id, kind_id, place));
    create table rule (id integer primary key, a_id integer not null references kind (id), b_id integer not null references kind (id), unique (a_id, b_id));
    create table used (id integer primary key, rule_id integer not null references rule (id));`;
  /** What the rows say to people: names in place of numbers, each once where a key makes it so. */
  const SAYS = [
    "select b.id, lower(trim(coalesce(f.code, f.name))), lower(trim(coalesce(s.code, s.name))) from book b left join kind f on f.id = b.first_id left join kind s on s.id = b.second_id",
    "select distinct t.book_id, lower(trim(coalesce(k.code, k.name))) from tagged t join kind k on k.id = t.kind_id",
    "select distinct t.book_id, lower(trim(coalesce(k.code, k.name))), t.place from shelf t join kind k on k.id = t.kind_id",
    "select distinct lower(trim(coalesce(a.code, a.name))), lower(trim(coalesce(b.code, b.name))) from rule r join kind a on a.id = r.a_id join kind b on b.id = r.b_id",
    "select u.id, lower(trim(coalesce(a.code, a.name))), lower(trim(coalesce(b.code, b.name))) from used u join rule r on r.id = u.rule_id join kind a on a.id = r.a_id join kind b on b.id = r.b_id",
    "select distinct k.name, lower(trim(a.code)) from kind k join kind a on a.id = k.above_id",
  ];
  const kinds = fc.nat(40);

  test("keeps what the rows say, every link, and leaves no duplicate", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          names: fc.array(fc.constantFrom("a", "A", " a", "b", "B ", "c"), { minLength: 8, maxLength: 8 }),
          leaves: fc.uniqueArray(fc.nat(7), { maxLength: 6 }),
          books: fc.array(fc.tuple(fc.option(kinds), fc.option(kinds)), { minLength: 1, maxLength: 6 }),
          tagged: fc.array(fc.tuple(fc.nat(5), kinds), { maxLength: 15 }),
          rules: fc.array(fc.tuple(kinds, kinds), { maxLength: 15 }),
        }),
        async ({ names, leaves, books, tagged, rules }) => {
          const file = join(directory, `merge-${++count}.db`);
          const db = openDatabase(file);
          db.exec("pragma synchronous = off");
          db.exec(SCHEMA);
          const top = names.length;
          const kindAt = (number: number): number => (number % (top + leaves.length)) + 1;
          const put = (sql: string, ...values: (string | number | null)[]): unknown => db.prepare(`insert or ignore into ${sql}`).run(...values); // prettier-ignore
          for (const [at, name] of names.entries()) put("kind values (?, ?, ?, null)", at + 1, name, `top ${at}`);
          for (const [at, above] of leaves.entries())
            put("kind values (?, null, ?, ?)", top + at + 1, `leaf ${at % 2}`, (above % top) + 1);
          for (const [at, [first, second]] of books.entries())
            put(
              "book values (?, ?, ?)",
              at + 1,
              first === null ? null : kindAt(first),
              second === null ? null : kindAt(second),
            );
          for (const [book, number] of tagged) {
            const kind = kindAt(number);
            const id = (book % books.length) + 1;
            put("tagged values (?, ?)", id, kind);
            for (const place of [1, (kind % 3) + 1]) put("shelf (book_id, kind_id, place) values (?, ?, ?)", id, kind, place); // prettier-ignore
          }
          for (const [a, b] of rules) put("rule (a_id, b_id) values (?, ?)", kindAt(a), kindAt(b));
          db.exec("insert into used (rule_id) select id from rule union all select id from rule");
          const says = (): string[][] =>
            SAYS.map((sql) => db.prepare(sql).all().map((one) => JSON.stringify(one.map(String))).toSorted()); // prettier-ignore
          const before = says();
          const { signal } = new AbortController();
          const target = { url: `sqlite:///${file}`, execPrefix: [], root: "/" };
          const request = { table: "kind", by: ["code"], keys: {}, generic: [] };
          const connection = await connect(target, "write", signal);
          const plan = await planReconcile(connection, request);
          await reconcile(connection, plan, request, { dryRun: false, signal });
          await connection.close();
          expect(db.prepare("pragma foreign_key_check").all()).toEqual([]);
          expect(says()).toEqual(before);
          expect(firstValue(db, "select count(code) - count(distinct lower(trim(code))) from kind")).toBe(0n);
          db.close();
        },
      ),
      { numRuns: 40 },
    );
  }, 60_000);
});
