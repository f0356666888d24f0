/** The table of commands: what is loaded for which arguments. */
import { expect, test } from "vitest";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { loadRows, type LoadedRow } from "../../lib/cli/core/table.ts";

const loadedOf = (rows: readonly LoadedRow[]): string[] =>
  rows.flatMap(({ name, command, group }) => [
    ...(command === undefined && group === undefined ? [] : [name]),
    ...loadedOf(group?.verbs ?? []).map((inner) => `${name} ${inner}`),
  ]);

test.each([
  [["--help"], []],
  [["list", "--json"], ["list"]],
  [["step"], ["step"]],
  [
    ["portable", "plan"],
    ["portable", "portable plan"],
  ],
] as const)("%j loads %j alone", async (argv, names) => {
  expect(loadedOf(await loadRows(COMMANDS, argv))).toEqual(names);
});

test("--package puts another command in the place of restore", async () => {
  const optionsOf = async (...argv: string[]): Promise<string[]> => {
    const row = (await loadRows(COMMANDS, ["restore", ...argv])).find(({ name }) => name === "restore");
    return Object.keys(row?.command?.options ?? {});
  };
  expect(await optionsOf()).toContain("rebuild-from-source");
  expect(await optionsOf("--package", "x")).toContain("map");
  expect(await optionsOf("--package=x")).not.toContain("rebuild-from-source");
});
