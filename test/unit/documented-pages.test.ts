/** What is taken from a page of the documentation to be run, and which flags it prints. */
import { expect, test } from "vitest";
import { documentedFlags, hasFlag } from "../support/documented/flags.ts";
import { documentedSteps } from "../support/documented/pages.ts";

const scriptsOf = (text: string): (readonly string[])[] =>
  documentedSteps("x.md", text).flatMap((step) => (step.kind === "script" ? [step.commands] : []));

const fence = (language: string, ...lines: readonly string[]): string =>
  [`\`\`\`${language}`, ...lines, "```", ""].join("\n");

test("a block is its commands: continued lines and compound commands are one, comments are left out", () => {
  const block = fence("bash", "# first", "a --b \\", "  c # why", "", "for x in 1 2; do", "  echo $x", "done");
  expect(scriptsOf(block)).toEqual([["a --b \\\n  c # why", "for x in 1 2; do\n  echo $x\ndone"]]);
});

test("a block in a list, a session, a crontab and a plain shell are blocks; other languages are not", () => {
  const list = `- so:\n\n  ${fence("bash", "a", "b").trim().replaceAll("\n", "\n  ")}\n`;
  const text = [list, fence("console", "$ c", "printed"), fence("cron", "0 2 * * *  d -e"), fence("sh", "f")].join(
    "\n",
  );
  expect(scriptsOf(`${text}${fence("yaml", "g: h")}${fence("", "i")}`)).toEqual([["a", "b"], ["c"], ["d -e"], ["f"]]);
});

test("commands in sentences and tables are taken once, those of other programs and of blocks are not", () => {
  const text = [
    "Run `npx tsx scripts/list.ts\n--json`, or `A=1 npx tsx scripts/find.ts x`; `rm -r` too.",
    "| `npx tsx scripts/list.ts --json` | lists |",
    fence("text", "`npx tsx scripts/logs.ts`"),
  ];
  expect(scriptsOf(text.join("\n"))).toEqual([["npx tsx scripts/list.ts --json"], ["A=1 npx tsx scripts/find.ts x"]]);
});

test("a block that the page tells to save is a file, at its place among the commands", () => {
  const text = [fence("bash", "a"), fence("yaml", "site: x"), "Save it as `config/x.yaml`.", "", fence("bash", "b")];
  expect(documentedSteps("x.md", text.join("\n"))).toMatchObject([
    { kind: "script", line: 1, commands: ["a"] },
    { kind: "file", path: "config/x.yaml", text: "site: x\n" },
    { kind: "script", line: 11, commands: ["b"] },
  ]);
});

test("flags belong to the command before them, in all cells of a row", () => {
  const text = [
    fence("bash", "npx tsx scripts/list.ts --json && ls -l # --none", "node dist/scripts/logs.js \\", "  --level warn"),
    "`verify.ts --deep` and `other.ts --not`",
    "| `npx tsx scripts/find.ts x` | `--last-days`, not --`x` |",
  ];
  expect(documentedFlags(text.join("\n")).map(({ command, flag }) => `${command} ${flag}`)).toEqual([
    "list --json",
    "logs --level",
    "verify --deep",
    "find --last-days",
  ]);
});

test("a flag is in the help as it is, or without its no-", () => {
  const help = "  -o, --output  where\n  --safety  --no-safety goes on\n  --media  all";
  expect(["-o", "--output", "--no-media", "--no-safety"].filter((flag) => !hasFlag(help, flag))).toEqual([]);
  expect(["--out", "-p", "--no-output-x"].filter((flag) => hasFlag(help, flag))).toEqual([]);
});
