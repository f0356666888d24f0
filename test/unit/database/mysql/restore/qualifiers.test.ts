/** Qualified names in statements: what is a database, and what only looks like one. */
import { describe, expect, test } from "vitest";
import { renameDatabase } from "../../../../../lib/database/mysql/restore/qualifiers.ts";

const RULES = { ansi: false, plainBackslash: false };
const rename = (text: string, rules = RULES): string => renameDatabase(text, "s", "new`x", rules).text;

describe("the database is renamed", () => {
  test.each([
    ["a view's own name", "create view `s`.`v` as select 1", "create view `new``x`.`v` as select 1"],
    [
      "tables and columns of three parts",
      "select `s`.`t`.`i` AS `i` from (`s`.`t` join `ref`.`c` on(`ref`.`c`.`id` = `s`.`t`.`i`))",
      "select `new``x`.`t`.`i` AS `i` from (`new``x`.`t` join `ref`.`c` on(`ref`.`c`.`id` = `new``x`.`t`.`i`))",
    ],
    ["a list of tables", "select 1 from s.a, s.b where 1", "select 1 from `new``x`.a, `new``x`.b where 1"],
    ["all columns", "select s.t.* from t", "select `new``x`.t.* from t"],
    ["functions", "select `s`.`f`(1), s . g (2)", "select `new``x`.`f`(1), `new``x`.g (2)"],
    ["sequences", "i int default nextval(`s`.`sq`)", "i int default nextval(`new``x`.`sq`)"],
    ["values of sequences", "i int default (next value for s.sq)", "i int default (next value for `new``x`.sq)"],
    ["foreign keys", "references `s`.`t` (`id`)", "references `new``x`.`t` (`id`)"],
    [
      "triggers, with what they do",
      "trigger s.a before delete on s.t for each row insert into s.log (a) values (old.a)",
      "trigger `new``x`.a before delete on `new``x`.t for each row insert into `new``x`.log (a) values (old.a)",
    ],
    [
      "version comments",
      "/*!50001 VIEW `s`.`v` AS select 1 from `s`.`t` */",
      "/*!50001 VIEW `new``x`.`v` AS select 1 from `new``x`.`t` */",
    ],
  ])("in %s", (_, before, after) => {
    expect(rename(before)).toBe(after);
    expect(rename(before.replaceAll("`s`", "`other`").replaceAll(/\bs\b(?= ?\.)/g, "other"))).not.toContain("new");
  });

  test("by the rules of the sql_mode", () => {
    expect(rename('select 1 from "s"."t"', { ansi: true, plainBackslash: false })).toBe('select 1 from `new``x`."t"');
    expect(rename('select "s.t\\" from s.t"', RULES)).toBe('select "s.t\\" from s.t"');
    expect(rename("select '\\' from s.t", { ansi: false, plainBackslash: true })).toBe("select '\\' from `new``x`.t");
  });
});

describe("the database is not meant", () => {
  test.each([
    ["an alias", "select `s`.`i` from `t` `s` where `s`.`i` in (select `s`.`i` from `v` `s`)"],
    ["FROM of a function", "select trim(both 'x' from `s`.`i`), extract(year from s.d) from t s"],
    ["strings", "select 's.t', \"from s.t\", 'it''s \\' from s.t'"],
    ["comments", "select 1 -- from s.t\n # from s.t\n /* from s.t */"],
    ["variables and accounts", "set @s.x = 1, @`s`.y = 2; create definer=`s`@`s.t` procedure p() select 1"],
    ["assignments", "insert into t values (1) on duplicate key update s.x = 1"],
    ["longer names", "select 1 from `s2`.`t`, xs.t, s$.t"],
  ])("by %s", (_, text) => {
    expect(rename(text)).toBe(text);
  });
});

test("other databases are reported, aliases are not", () => {
  const text = "select `x`.`i`, `ref`.`c`.`id`, `lib`.`f`(1) from (`s`.`t` `x` join `ref`.`c`)";
  expect([...renameDatabase(text, "s", undefined, RULES).others]).toEqual(["ref", "lib"]);
  expect(renameDatabase(text, "s", undefined, RULES).text).toContain("from (`t` `x` join `ref`.`c`)");
});
