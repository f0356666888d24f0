import { describe, expect, test } from "vitest";
import { compareMigrations, compareVersions } from "../../../../lib/portable/format/versions.ts";

const standing = ({ problems, warnings }: { problems: readonly string[]; warnings: readonly string[] }): string =>
  problems.length > 0 ? "INCOMPATIBLE" : warnings.length > 0 ? "COMPATIBLE_WITH_WARNINGS" : "COMPATIBLE";

describe("versions of the format", () => {
  test.each([
    ["1.0.0", "1.0.0", "COMPATIBLE"],
    ["1.0.0", "1.0.7", "COMPATIBLE"],
    ["1.0.7", "1.0.0", "COMPATIBLE"],
    ["1.0.0", "1.1.0", "COMPATIBLE"],
    ["1.1.0", "1.0.0", "COMPATIBLE_WITH_WARNINGS"],
    ["1.10.0", "1.9.0", "COMPATIBLE_WITH_WARNINGS"],
    ["1.9.0", "2.0.0", "INCOMPATIBLE"],
    ["2.0.0", "1.9.0", "INCOMPATIBLE"],
    ["one", "1.0.0", "INCOMPATIBLE"],
    ["1.0", "1.0.0", "INCOMPATIBLE"],
  ])("an export of %s in a target of %s: %s", (there, here, expected) => {
    expect(standing(compareVersions(there, here))).toBe(expected);
  });
});

describe("sets of migrations", () => {
  const of = (tool: string, ...applied: string[]) => ({ tool, applied });
  const four = ["a.0001", "a.0002", "a.0003", "a.0004"];
  test.each<[string, ReturnType<typeof of> | null, ReturnType<typeof of> | null, string, RegExp | undefined]>([
    ["the same", of("Django", ...four), of("Django", ...four.toReversed()), "COMPATIBLE", undefined],
    [
      "behind",
      of("Django", "a.0001"),
      of("Django", ...four),
      "COMPATIBLE_WITH_WARNINGS",
      /3 behind: 3 migrations a.0002, a.0003, a.0004 applied since/,
    ],
    [
      "ahead",
      of("Django", ...four),
      of("Django", "a.0001", "a.0002", "a.0003"),
      "INCOMPATIBLE",
      /lacks the migration a.0004/,
    ],
    [
      "diverged",
      of("Django", "a.0001", "a.0002_x"),
      of("Django", "a.0001", "a.0002_y"),
      "INCOMPATIBLE",
      /diverged: only the export has a.0002_x, only this database has a.0002_y/,
    ],
    [
      "one app ahead and another behind",
      of("Django", "a.0001", "b.0001", "b.0002"),
      of("Django", "a.0001", "a.0002", "b.0001"),
      "INCOMPATIBLE",
      /diverged/,
    ],
    ["of another tool", of("Django", "a.0001"), of("Rails", "1"), "INCOMPATIBLE", /of Django, this database of Rails/],
    ["a target without", of("Django", "a.0001"), null, "COMPATIBLE_WITH_WARNINGS", /has none/],
    ["an export without", null, of("Django", "a.0001"), "COMPATIBLE", undefined],
    [
      "a target in which one broke off",
      of("Flyway", "1"),
      of("Flyway", "1", "2 (failed)"),
      "INCOMPATIBLE",
      /is incomplete/,
    ],
    [
      "golang-migrate, which keeps the last number only, behind",
      of("golang-migrate", "9"),
      of("golang-migrate", "12"),
      "COMPATIBLE_WITH_WARNINGS",
      /older/,
    ],
    ["golang-migrate, ahead", of("golang-migrate", "12"), of("golang-migrate", "9"), "INCOMPATIBLE", /newer/],
    [
      "Alembic, which says where but not since when",
      of("Alembic", "a1"),
      of("Alembic", "a1", "b2"),
      "INCOMPATIBLE",
      /only the code knows/,
    ],
  ])("%s", (_what, there, here, expected, said) => {
    const found = compareMigrations(there, here);
    expect(standing(found)).toBe(expected);
    if (said !== undefined) expect([...found.problems, ...found.warnings].join()).toMatch(said);
  });
});
