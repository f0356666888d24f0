/** Declared foreign keys in what other programs wrote: an id follows its row, and no row becomes another user's. */
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runInProcess } from "../support/commands/in-process.ts";
import { rowsOf, useEngines, type PortableEngine } from "../support/portable/engines.ts";
import { tempDirectory } from "../support/temp.ts";

type Name = PortableEngine["name"];
const { make } = useEngines();
const ENGINES: readonly Name[] = ["PostgreSQL", "MariaDB", "SQLite"];
const idOf = (name: Name): string =>
  ({ PostgreSQL: "serial primary key", MariaDB: "integer auto_increment primary key", SQLite: "integer primary key" })[name]; // prettier-ignore

const schemaOf = (name: Name): string => `
  create table blog_member (id ${idOf(name)}, login varchar(60) not null, mail varchar(60));
  create table blog_post (id ${idOf(name)}, title varchar(60) not null unique, author_id bigint not null default 0);`;
const HERE = "insert into blog_member values (1, 'eve', 'e'), (2, 'mallory', 'm'), (7, 'ann', 'a'), (9, 'bob', 'b');";
const DECLARED = { keys: { blog_member: ["login"] }, foreign_keys: { blog_post: { author_id: "blog_member" } } };
const AUTHORS =
  "select title, author_id, login from blog_post p left join blog_member m on m.id = p.author_id order by 1";

const member = (pk: number, login: string): object => ({ model: "blog.member", pk, fields: { login, mail: login } });
const post = (pk: number, fields: object): object => ({
  model: "blog.post",
  pk,
  fields: { title: `by ${pk}`, ...fields },
});

async function portable(portableConfig: object, verb: string, ...args: readonly string[]) {
  const root = tempDirectory();
  const config = join(root, "site.yaml");
  writeFileSync(config, `site: s\nroot: ${root}\nportable: ${JSON.stringify(portableConfig)}\n`);
  const { code, stdout, stderr } = await runInProcess("portable", [verb, ...args, "--config", config]);
  return { code, said: `${stderr}${stdout}` };
}

function dumpOf(...records: readonly object[]): string {
  const file = join(tempDirectory(), "dump.json");
  writeFileSync(file, JSON.stringify(records));
  return file;
}

describe.each(ENGINES)("%s", (name) => {
  test("the ids of a dump find their rows, and 0 stays", async () => {
    const dump = dumpOf(member(1, "ann"), member(2, "bob"), post(1, { author_id: 1 }), post(2, { author: 2 }), post(3, { author_id: 0 }));
    const url = await make(name, schemaOf(name) + HERE);
    expect(await portable(DECLARED, "check", dump, "--database", url, "--values")).toMatchObject({ code: 0 });
    expect(await portable(DECLARED, "import", dump, "--database", url)).toMatchObject({ code: 0 });
    expect(await rowsOf(url, AUTHORS)).toEqual(["by 1|7|ann", "by 2|9|bob", "by 3|0|null"]);
    expect(await portable(DECLARED, "verify", dump, "--models", "blog.post", "--database", url)).toMatchObject({ code: 0 });
  });

  test("keys find rows of the database that are not in the dump; an id of such a row, or of none, is told", async () => {
    const url = await make(name, schemaOf(name) + HERE);
    expect(await portable(DECLARED, "import", dumpOf(post(1, { author: ["ann"] }), post(2, { author_login: "bob" })), "--database", url)).toMatchObject({ code: 0 });
    expect(await rowsOf(url, AUTHORS)).toEqual(["by 1|7|ann", "by 2|9|bob"]);
    for (const [id, words] of [[1, "the database's rows with the same ids are used"], [77, "the ids are imported unchanged"]] as const) {
      const dump = dumpOf(post(5, { author_id: id }));
      expect(await portable(DECLARED, "import", dump, "--database", url)).toMatchObject({ code: 14, said: expect.stringContaining(words) });
      expect(await portable(DECLARED, "import", dump, "--database", url, "--force")).toMatchObject({ code: 0 });
      expect(await rowsOf(url, "select author_id from blog_post where title = 'by 5'")).toEqual([String(id)]);
    }
    expect(await portable(DECLARED, "import", dumpOf(post(6, { author: ["nobody"] })), "--database", url)).toMatchObject({ code: 1, said: expect.stringContaining('references the row ["nobody"] of') });
  });

  test("so do those of an export as records or as a ZIP", async () => {
    const from = await make(name, `${schemaOf(name)} insert into blog_member values (1, 'ann', 'a'), (2, 'bob', 'b'); insert into blog_post values (1, 'by 1', 1), (2, 'by 2', 2), (3, 'by 3', 0);`);
    for (const format of ["records", "zip"]) {
      const at = join(tempDirectory(), format === "zip" ? "e.zip" : "e");
      const flags = format === "zip" ? [] : ["--no-timestamp"];
      expect(await portable(DECLARED, "export", "--database", from, "--format", format, "-o", at, ...flags)).toMatchObject({ code: 0 });
      const url = await make(name, schemaOf(name) + HERE);
      expect(await portable({ ...DECLARED, models: { "main.blog_member": "blog_member", "main.blog_post": "blog_post" } }, "import", at, "--database", url)).toMatchObject({ code: 0 });
      expect(await rowsOf(url, AUTHORS)).toEqual(["by 1|7|ann", "by 2|9|bob", "by 3|0|null"]);
    }
  });

  test("a declaration that the database does not know is refused", async () => {
    const url = await make(name, schemaOf(name) + HERE);
    expect(await portable({ foreign_keys: { blog_post: { writer_id: "blog_member" } } }, "import", dumpOf(post(1, { author_id: 1 })), "--database", url)).toMatchObject({ code: 2 });
  });
}); // prettier-ignore
