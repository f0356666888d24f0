import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CopyRows } from "../../../lib/database/postgres/count-copy-rows.ts";
import { InsertRows } from "../../../lib/database/mysql/count-insert-rows.ts";

/** Feeds a text in pieces of the given lengths, the last one as long as it takes. */
function feed<T extends { push(chunk: Buffer): void }>(scanner: T, text: string, cuts: readonly number[] = []): T {
  let rest = Buffer.from(text);
  for (const cut of cuts) {
    scanner.push(Buffer.from(rest.subarray(0, cut)));
    rest = rest.subarray(cut);
  }
  scanner.push(rest);
  return scanner;
}

const END = "-- Dump completed on 2026-11-21  3:15:05\n";
const cuts = fc.array(fc.integer({ min: 0, max: 40 }), { maxLength: 60 });
/** Texts made of what a dump is made of. */
const awkward = fc.string({
  unit: fc.constantFrom(
    "'",
    '"',
    "\\",
    "`",
    "(",
    ")",
    ",",
    ";",
    "\n",
    "\t",
    "a",
    "é",
    "🎉",
    "INSERT INTO `t` VALUES\n(1);",
    "V",
    "\\.",
  ),
});

describe("InsertRows", () => {
  /** As mariadb-dump writes it (10.6 and later: a row a line); mysqldump puts all rows on one line. */
  const insert = (table: string, rows: readonly (readonly string[])[], columns: string, glue: string): string => {
    const values = rows.map((row) => `(${row.map(sqlString).join(",")})`).join(`,${glue}`);
    return rows.length === 0
      ? ""
      : `INSERT INTO ${sqlName(table)}${columns} VALUES${glue === "" ? " " : glue}${values};\n`;
  };
  const sqlString = (text: string): string =>
    `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'").replaceAll('"', '\\"').replaceAll("\n", "\\n")}'`;
  const sqlName = (name: string): string => `\`${name.replaceAll("`", "``")}\``;
  const tableName = fc.string({
    unit: fc.constantFrom("`", "V", "(", " ", "a", "é", "'", "-"),
    minLength: 1,
    maxLength: 8,
  });

  test("counts the rows of any table, however the dump is cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(tableName, { minLength: 1, maxLength: 3 }),
        fc.array(fc.array(awkward, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
        fc.constantFrom("", "\n"),
        fc.constantFrom("", " (`a`, `VALUES (`, `c``V`)"),
        cuts,
        (tables, rows, glue, columns, pieces) => {
          const text = tables
            .map(
              (table) =>
                `CREATE TABLE ${sqlName(table)} (\n  \`a\` int\n);\nLOCK TABLES ${sqlName(table)} WRITE;\n${insert(table, rows, columns, glue)}${insert(table, rows, columns, glue)}UNLOCK TABLES;\n`,
            )
            .join("\n");
          const scanner = feed(new InsertRows(), `${text}${END}`, pieces);
          expect(scanner.tables).toEqual(new Map(tables.map((table) => [table, rows.length * 2])));
          expect(scanner.complete).toBe(true);
        },
      ),
    );
  });

  test("numbers, NULL, hexadecimal blobs, charset prefixes and doubled quotes are values like any other", () => {
    const scanner = feed(
      new InsertRows(),
      `INSERT INTO \`t\` VALUES (1,NULL,0x2728,_binary 'a\\'),(',-1.5e3),(2,'it''s (','',0x,''),(3,'\\\\',NULL,'','');\n${END}`,
    );
    expect(scanner.tables).toEqual(new Map([["t", 3]]));
  });

  test("bodies of routines, triggers and events are not data", () => {
    const text = `CREATE TABLE \`t\` (\n  \`a\` int\n);\nDELIMITER ;;\nCREATE PROCEDURE p() BEGIN\nINSERT INTO \`t\` VALUES (1);\nCREATE TABLE \`ghost\` (a int);\nEND ;;\nDELIMITER ;\nINSERT INTO \`t\` VALUES (2);\n${END}`;
    expect(feed(new InsertRows(), text).tables).toEqual(new Map([["t", 1]]));
  });

  test("comments and the stand-ins for views are not tables", () => {
    const text = `-- CREATE TABLE \`a\`\n/*!50001 CREATE TABLE \`v\` (\n  \`a\` tinyint NOT NULL\n) ENGINE=MyISAM */;\n/*!50001 CREATE VIEW \`w\` AS SELECT 1*/;\n${END}`;
    expect(feed(new InsertRows(), text).tables).toEqual(new Map());
  });

  test.each([
    ["nothing", ""],
    ["a cut in the end mark", `CREATE TABLE \`t\` (a int);\n${END.slice(0, -1)}`],
    ["a cut before the end mark", "CREATE TABLE `t` (a int);\n"],
    ["an end mark that is data", "INSERT INTO `t` VALUES ('\n-- Dump completed on 2026-11-21\n"],
    ["something after the end mark", `${END}mariadb-dump: Error`],
  ])("is not complete with %s", (name, text) => {
    // Data never holds a bare newline; a dump cut right after one inside a string is caught by its missing rows.
    expect(feed(new InsertRows(), text).complete).toBe(name === "an end mark that is data");
  });
});

describe("CopyRows", () => {
  const escape = (text: string): string =>
    text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n").replaceAll("\t", "\\t");
  const quoteName = (name: string): string =>
    /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
  const tableName = fc.string({ unit: fc.constantFrom('"', ".", "(", " ", "a", "é", "T"), minLength: 1, maxLength: 8 });

  test("counts the rows of any table, however the script is cut into chunks", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(tableName, tableName), {
          minLength: 1,
          maxLength: 3,
          selector: ([a, b]) => `${a}.${b}`,
        }),
        fc.array(fc.array(awkward, { minLength: 1, maxLength: 3 }), { maxLength: 6 }),
        cuts,
        (tables, rows, pieces) => {
          const data = rows.map((row) => `${row.map(escape).join("\t")}\n`).join("");
          const text = tables
            .map(
              ([schema, table]) =>
                `--\n-- Data for Name: x; Type: TABLE DATA\n--\n\nCOPY ${quoteName(schema)}.${quoteName(table)} (id, "a b") FROM stdin;\n${data}\\.\n\n\n`,
            )
            .join("");
          expect(feed(new CopyRows(), text, pieces).tables).toEqual(
            new Map(tables.map(([schema, table]) => [`${schema}.${table}`, rows.length])),
          );
        },
      ),
    );
  });

  test("a table without columns has empty lines for rows", () => {
    expect(feed(new CopyRows(), "COPY public.t  FROM stdin;\n\n\n\\.\n").tables).toEqual(new Map([["public.t", 2]]));
  });

  test("a COPY without its end is not counted", () => {
    expect(feed(new CopyRows(), "COPY public.t (id) FROM stdin;\n1\n2\n").tables).toEqual(new Map());
  });

  test("lines far longer than a chunk do not confuse it", () => {
    const line = "x".repeat(3_000_000);
    const text = `SELECT pg_catalog.lowrite(0, '${line}');\nCOPY public.t (id) FROM stdin;\n${line}\n\\.x\n\\.\n`;
    expect(
      feed(
        new CopyRows(),
        text,
        Array.from({ length: 90 }, () => 65_536),
      ).tables,
    ).toEqual(new Map([["public.t", 2]]));
  });
});
