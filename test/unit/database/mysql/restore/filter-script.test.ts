/** A dump on its way to the client, however it is cut into chunks. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { MysqlScript, type Events, type ScriptFacts } from "../../../../../lib/database/mysql/restore/filter-script.ts";

const HEAD = `/*M!999999\\- enable the sandbox mode */
-- MariaDB dump 10.19  Distrib 10.11.19-MariaDB, for debian-linux-gnu (x86_64)
--
-- Host: 127.0.0.1    Database: site
-- ------------------------------------------------------
/*!40101 SET NAMES utf8mb4 */;
`;
const END = "-- Dump completed on 2026-11-21  6:15:13\n";

async function through(
  sql: string,
  {
    chunk = 1 << 16,
    events = "as they were",
    database = "scratch",
  }: { chunk?: number; events?: Events; database?: string } = {},
): Promise<{ text: string; facts: ScriptFacts }> {
  const bytes = Buffer.from(sql);
  const script = new MysqlScript(database, events);
  const chunks = async function* (): AsyncGenerator<Buffer> {
    for (let at = 0; at < bytes.length; at += chunk) yield bytes.subarray(at, at + chunk);
  };
  const parts: Buffer[] = [];
  for await (const part of script.read(chunks())) parts.push(part);
  return { text: Buffer.concat(parts).toString(), facts: script.facts };
}

const BODY = `CREATE TABLE \`t\` (
  \`a;\` int(11) DEFAULT NULL COMMENT 'x; use mysql -- /* \\'',
  UNIQUE KEY \`k\` (\`a;\`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_unicode_ci;
LOCK TABLES \`t\` WRITE;
/*!40000 ALTER TABLE \`t\` DISABLE KEYS */;
INSERT INTO \`t\` (\`a;\`) VALUES
(1,'it''s; \\\\'),(2,'\\'; DROP DATABASE x; -- '),(0xFF,_binary 'é#\`"'),(-1,NULL);
/*!40000 ALTER TABLE \`t\` ENABLE KEYS */;
UNLOCK TABLES;
DELIMITER ;;
CREATE DEFINER=\`anna\`@\`%\` PROCEDURE \`p\`()
begin
  select 'a;;b'; -- it's;
  # "
  select 1; /* ' */
end ;;
DELIMITER ;
`;

describe("what dumps consist of", () => {
  test("passes as it is, in chunks of any size, and tells of itself", async () => {
    const sql = HEAD + BODY + END;
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 1, max: 80 }), async (chunk) => {
        const { text, facts } = await through(sql, { chunk });
        expect(text).toBe(sql.slice(0, sql.lastIndexOf("\nDELIMITER ;\n")));
        expect(facts).toMatchObject({ flavour: "mariadb", complete: true });
        expect([...facts.definers]).toEqual(["anna@%"]);
        expect([...facts.collations]).toEqual(["utf8mb4_unicode_ci"]);
        expect([...facts.storageEngines]).toEqual(["innodb"]);
      }),
      { numRuns: 40 },
    );
  });

  test("with rows of any text passes as it is", async () => {
    const literal = fc.string({
      unit: fc.constantFrom("'", '"', "\\", ";", "\n", "`", "-", " ", "/", "*", "#", "é", "x"),
      maxLength: 200,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(literal, { minLength: 1, maxLength: 60 }),
        fc.integer({ min: 1, max: 5000 }),
        async (texts, chunk) => {
          const rows = texts.map(
            (text, id) => `(${id},'${text.replaceAll("\\", "\\\\").replaceAll("'", id % 2 ? "''" : "\\'")}')`,
          );
          const sql = `${HEAD}INSERT INTO \`t\` VALUES\n${rows.join(",\n")};`;
          const { text } = await through(`${sql}\n${END}`, { chunk });
          expect(text).toBe(sql);
        },
      ),
      { numRuns: 60 },
    );
  });

  test("names the database at hand where it named the one that was dumped", async () => {
    const sql = `${HEAD}ALTER DATABASE \`site\` CHARACTER SET latin1 COLLATE latin1_swedish_ci ;
DELIMITER ;;
/*!50003 CREATE*/ /*!50017 DEFINER=\`root\`@\`localhost\`*/ /*!50003 trigger site.t1 after insert on \`site\`.t for each row set @on = 'trigger site.x' */;;
ALTER DATABASE \`site\` CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci ;;
DELIMITER ;
${END}`;
    const { text } = await through(sql, { database: "scratch$&`x" });
    expect(text.match(/ALTER DATABASE `[^ ]*/g)).toEqual([
      "ALTER DATABASE `scratch$&``x`",
      "ALTER DATABASE `scratch$&``x`",
    ]);
    expect(text).toContain(
      "trigger `scratch$&``x`.t1 after insert on `scratch$&``x`.t for each row set @on = 'trigger site.x'",
    );
    await expect(through(sql.replace("site.t1", "other.t1"))).rejects.toMatchObject({ code: "E_RESTORE" });
  });

  test("an event is disabled where none may fire, and only what says so is changed", async () => {
    const event = (state: string): string =>
      `/*!50106 CREATE*/ /*!50117 DEFINER=\`a\`@\`b\`*/ /*!50106 EVENT \`e\` ON SCHEDULE EVERY 1 DAY ON COMPLETION NOT PRESERVE ${state} COMMENT 'on completion preserve enable' DO select 1 */ ;;`;
    const sql = (state: string): string => `${HEAD}DELIMITER ;;\n${event(state)}\nDELIMITER ;\n${END}`;
    expect((await through(sql("ENABLE"), { events: "disabled" })).text).toContain(event("DISABLE"));
    expect((await through(sql("ENABLE"))).text).toContain(event("ENABLE"));
  });

  test("the body of a routine is read by the sql_mode that it was written in", async () => {
    const sql = `${HEAD}/*!50003 SET sql_mode = 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES' */ ;
DELIMITER ;;
CREATE DEFINER="a"@"b" PROCEDURE "p"() begin select 'x\\', "y;;"; end ;;
DELIMITER ;
/*!50003 SET sql_mode = @saved_sql_mode */ ;
INSERT INTO \`t\` VALUES ('\\'; DROP DATABASE x; ');
${END}`;
    const { facts } = await through(sql);
    expect([...facts.definers]).toEqual(["a@b"]);
  });
});

test.each([
  "",
  "INSERT INTO `t` VALUES (1",
  "INSERT INTO `t` VALUES ('x\n-- Dump completed on 2026\n",
  "/* -- Dump completed\n",
  `${END}select 1`,
])("a dump that ends with %j is not whole", async (rest) => {
  await expect(through(HEAD + BODY + rest)).rejects.toMatchObject({ code: "E_RESTORE" });
});
