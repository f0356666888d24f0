/** Starts the commands of the table: as `holdfast VERB`, or each as the script of its own. */
import { HoldfastError } from "../errors.ts";
import { createParser, type Understood } from "./core/arguments.ts";
import { markWords } from "./core/read-flags.ts";
import type { CommonParser } from "./core/command.ts";
import { nameCommands } from "./core/given-flags.ts";
import { runCommandFrame } from "./core/run-command.ts";
import { addGroup, loadCommand, loadGroup, loadRows, type Row } from "./core/table.ts";
import { COMMANDS, DESCRIPTION } from "./commands.ts";

/** Runs `holdfast` with the arguments of this process. */
export async function runHoldfast(): Promise<void> {
  nameCommands(verbOf);
  await run("holdfast", async (parser, argv, onEnter) => {
    const verbs = await loadRows(COMMANDS, argv);
    addGroup(parser, { name: "holdfast", description: DESCRIPTION, verbs }, [], onEnter);
  });
}

/** Runs the script of a row, or of one of a group's verbs. */
export async function runScript(name: keyof typeof COMMANDS, verb?: string): Promise<void> {
  const row = await rowOf(name, verb);
  const script = row.script ?? name;
  await run(script, async (parser, argv, onEnter) => {
    if ("load" in row) {
      const command = await loadCommand(row, argv);
      command.addTo(parser, {
        words: [],
        describe: row.describe,
        onEnter: () => onEnter({ name: script, command, choices: [] }),
      });
    } else addGroup(parser, await loadGroup(name, row, argv), [], onEnter);
  });
}

type Fill = (parser: CommonParser, argv: readonly string[], onEnter: (understood: Understood) => void) => Promise<void>;

/** Parses the arguments with the commands that `fill` adds, and runs the one that they name. */
async function run(name: string, fill: Fill): Promise<void> {
  const argv = process.argv.slice(2);
  let understood: Understood = { name, command: undefined, choices: [] };
  const parser = createParser(name, () => understood);
  try {
    await fill(parser, argv, (next) => {
      understood = next;
    });
    await parser.parseAsync(markWords(argv));
  } catch (error) {
    const output = { json: argv.includes("--json"), quiet: false, verbose: argv.includes("--verbose") };
    await runCommandFrame(output, () => {
      throw error;
    });
  }
}

async function rowOf(name: keyof typeof COMMANDS, verb: string | undefined): Promise<Row> {
  const row: Row = COMMANDS[name];
  if (verb === undefined) return row;
  const inner = "verbs" in row ? (await row.verbs())[verb] : undefined;
  if (inner === undefined) throw new HoldfastError("E_INTERNAL", `${name} has no verb ${verb}`);
  return inner;
}

/** Returns the verb that a script is: `holdfast backup` for `backup_all`. */
function verbOf(script: string): string {
  const rows: readonly [string, Row][] = Object.entries(COMMANDS);
  const verb = rows.find(([name, row]) => (row.script ?? name) === script)?.[0];
  return verb === undefined ? `npx tsx scripts/${script}.ts` : `holdfast ${verb}`;
}
