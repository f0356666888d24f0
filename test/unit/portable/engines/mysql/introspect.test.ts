/** What MySQL 8 says otherwise than MariaDB: no such server is at hand, so its answers stand here as its manual has them. */
import { expect, test } from "vitest";
import type { Row, Session } from "../../../../../lib/portable/engine/session.ts";
import { portableEngine } from "../../../../../lib/portable/engines/registry.ts";

function answering(answers: Readonly<Record<string, readonly Row[]>>): Session {
  const never = (): never => {
    throw new Error("not asked for");
  };
  return {
    serverVersion: "8.4.3",
    rows: async (sql) => {
      const [, view = ""] = /information_schema\.(\w+)/.exec(sql) ?? [];
      const answer = answers[view];
      if (answer === undefined) throw new Error(`Unknown table '${view.toUpperCase()}' in information_schema`);
      return [...answer];
    },
    stream: never,
    streamBytes: never,
    run: never,
    load: never,
    quote: (name) => `\`${name}\``,
    close: async () => {},
  };
}

const column = (
  name: string,
  type: string,
  columnType: string,
  rest: { byDefault?: string; extra?: string } = {},
): Row => [
  ...["t", name, Buffer.from(type), Buffer.from(columnType), "YES", rest.byDefault ?? null, rest.extra ?? ""],
  ...[null, null, "10", "0", null, null],
];

test("MySQL 8: defaults by expression, a text NULL, generated columns, JSON, keys over expressions", async () => {
  const schema = await portableEngine("mysql").introspect(
    answering({
      tables: [
        ["t", "BASE TABLE", "InnoDB", null],
        ["v", "VIEW", null, null],
      ],
      columns: [
        column("id", "bigint", "bigint unsigned", { extra: "auto_increment" }),
        column("made", "timestamp", "timestamp", { byDefault: "CURRENT_TIMESTAMP", extra: "DEFAULT_GENERATED" }),
        column("word", "varchar", "varchar(9)", { byDefault: "NULL" }),
        column("virtual", "int", "int", { extra: "VIRTUAL GENERATED" }),
        column("kept", "int", "int", { extra: "STORED GENERATED" }),
        column("doc", "json", "json"),
        column("flag", "tinyint", "tinyint(1)"),
        column("small", "tinyint", "tinyint"),
      ],
      statistics: [
        ["t", "PRIMARY", "id", null],
        ["t", "u_expression", null, null],
        ["t", "u_mixed", "word", null],
        ["t", "u_mixed", null, null],
        ["t", "u_word", "word", null],
      ],
      key_column_usage: [],
      triggers: [],
    }),
  );
  expect(schema.tables.map(({ id, estimatedRows }) => [id, estimatedRows])).toEqual([["t", 0]]);
  const [t] = schema.tables;
  expect(t?.columns.map((one) => [one.name, one.kind, one.hasDefault, one.generated, one.identity])).toEqual([
    ["id", "integer", true, false, "default"],
    ["made", "timestamptz", true, false, undefined],
    ["word", "text", true, false, undefined],
    ["virtual", "integer", false, true, undefined],
    ["kept", "integer", false, true, undefined],
    ["doc", "json", false, false, undefined],
    ["flag", "boolean", false, false, undefined],
    ["small", "integer", false, false, undefined],
  ]);
  expect(t?.columns[0]).toMatchObject({ native: "bigint unsigned", unsigned: true, length: 64 });
  expect(t?.uniques.map(({ name }) => name)).toEqual(["u_word"]);
});

test("MySQL on a file system that keeps no case: the tables' own spelling, unless two are alike", async () => {
  const schema = await portableEngine("mysql").introspect(
    answering({
      tables: ["t", "Target", "aB", "Ab"].map((name) => [name, "BASE TABLE", "InnoDB", 3]),
      columns: [
        column("id", "int", "int"),
        ...["Target", "aB", "Ab"].map((name) => [name, ...column("Id", "int", "int").slice(1)]),
      ],
      statistics: [],
      key_column_usage: [
        ["t", "exact", "ID", "db", "Ab", "ID", "1"],
        ["t", "other_case", "ID", "db", "target", "ID", "1"],
        ["t", "two", "ID", "db", "AB", "ID", "1"],
      ],
      triggers: [],
    }),
  );
  const t = schema.tables.find(({ id }) => id === "t");
  expect(
    t?.foreignKeys.map(({ name, columns, target, targetColumns }) => [name, columns, target, targetColumns]),
  ).toEqual([
    ["exact", ["id"], "Ab", ["Id"]],
    ["other_case", ["id"], "Target", ["Id"]],
  ]);
  expect(t?.notes).toEqual(["foreign key two (id): references AB, which is not a table here; left out"]);
});
