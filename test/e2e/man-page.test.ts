/** The manual page: it is made from the commands, and the tools that read it find no fault. */
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { loadCommands } from "../../lib/cli/core/table.ts";
import { EXIT } from "../../lib/errors.ts";
import { builtScript } from "../support/commands/build.ts";

const page = join(dirname(builtScript("holdfast")), "../holdfast.1");

/** The page as a reader sees it, without breaks of lines. */
function shownPage(): string {
  const { stdout, stderr, status } = spawnSync("man", ["-l", "--warnings", page], {
    encoding: "utf8",
    env: { ...process.env, MANWIDTH: "500", LC_ALL: "C.UTF-8", PAGER: "cat" },
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  return stdout.replaceAll(/\s+/g, " ");
}

test("mandoc and groff warn of nothing", () => {
  const lint = spawnSync("mandoc", ["-Tlint", page], { encoding: "utf8" });
  expect(lint.stdout + lint.stderr).toBe("");
  const groff = spawnSync("groff", ["-ww", "-man", "-Tutf8", page], { encoding: "utf8" });
  expect(groff.stderr).toBe("");
});

test("every command, option and exit status is in it", async () => {
  const shown = shownPage();
  const missing: string[] = [];
  for (const { words, command } of await loadCommands(COMMANDS)) {
    if (!shown.includes(`holdfast ${words.join(" ")}`)) missing.push(words.join(" "));
    for (const [name, { describe = "" }] of Object.entries(command.options)) {
      if (!shown.includes(`--${name}`)) missing.push(`--${name}`);
      if (!shown.includes(describe.slice(1).replaceAll("…", "..."))) missing.push(describe);
    }
  }
  expect(missing).toEqual([]);
  for (const status of Object.values(EXIT)) expect(shown).toMatch(new RegExp(` ${status} [A-Z]`));
});

test("it names no command that is not there", async () => {
  const known = new Set((await loadCommands(COMMANDS)).map(({ words }) => words.join(" ")));
  const titles = [...readFileSync(page, "utf8").matchAll(/^\.SS holdfast (.+)$/gm)].map(([, title = ""]) =>
    title.replaceAll("\\-", "-"),
  );
  expect(titles.filter((title) => !known.has(title))).toEqual([]);
});
