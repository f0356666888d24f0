/** Tables of commands: rows that load their commands when these are typed, and how yargs gets them. */
import type { Understood } from "./arguments.ts";
import type { Command, CommonParser } from "./command.ts";
import { readFlags } from "./read-flags.ts";

/** A command, or a group with a table of its own. */
export type Row = CommandRow | GroupRow;
export type CommandTable = Readonly<Record<string, Row>>;

export interface CommandRow {
  /** One line for the list of commands. */
  readonly describe: string;
  /** The script that runs the command. */
  readonly script?: string;
  readonly load: () => Promise<Command>;
  /** Commands that a flag puts in its place, by the flag. */
  readonly instead?: Readonly<Record<string, () => Promise<Command>>>;
}

export interface GroupRow {
  readonly describe: string;
  /** The paragraph of its help. */
  readonly description: string;
  readonly script?: string;
  readonly verbs: () => Promise<CommandTable>;
}

/** A row whose command or verbs are loaded if the arguments name it. */
export interface LoadedRow {
  readonly name: string;
  readonly describe: string;
  readonly script?: string | undefined;
  readonly command?: Command;
  readonly group?: LoadedGroup;
}

export interface LoadedGroup extends Pick<GroupRow, "description"> {
  readonly name: string;
  readonly verbs: readonly LoadedRow[];
}

/** Loads the command of a row for these arguments. */
export async function loadCommand({ load, instead = {} }: CommandRow, argv: readonly string[]): Promise<Command> {
  const flag = readFlags(argv).find(({ name }) => Object.hasOwn(instead, name))?.name;
  return await (instead[flag ?? ""] ?? load)();
}

/** A command with the words that a user types for it. */
export interface TypedCommand {
  readonly words: readonly string[];
  readonly describe: string;
  readonly command: Command;
}

/** Loads all commands of a table, those of its groups and those that flags select. */
export async function loadCommands(table: CommandTable, above: readonly string[] = []): Promise<TypedCommand[]> {
  const found: TypedCommand[] = [];
  for (const [name, row] of Object.entries(table)) {
    const words = [...above, name];
    if ("verbs" in row) found.push(...(await loadCommands(await row.verbs(), words)));
    else {
      found.push({ words, describe: row.describe, command: await row.load() });
      for (const [flag, load] of Object.entries(row.instead ?? {}))
        found.push({ words: [...words, `--${flag}`], describe: row.describe, command: await load() });
    }
  }
  return found;
}

/** Loads the rows for which `isNamed` holds; the others keep their names and descriptions. */
export async function loadRows(
  table: CommandTable,
  argv: readonly string[],
  isNamed: (name: string) => boolean = (name) => argv.includes(name),
): Promise<LoadedRow[]> {
  return await Promise.all(
    Object.entries(table).map(async ([name, row]) => {
      const { describe, script } = row;
      if (!isNamed(name)) return { name, describe, script };
      if ("load" in row) return { name, describe, script, command: await loadCommand(row, argv) };
      return { name, describe, script, group: await loadGroup(name, row, argv, isNamed) };
    }),
  );
}

/** Loads the verbs of a group like `loadRows`. */
export async function loadGroup(
  name: string,
  { description, verbs }: GroupRow,
  ...[argv, isNamed]: [readonly string[], ((name: string) => boolean)?]
): Promise<LoadedGroup> {
  return { name, description, verbs: await loadRows(await verbs(), argv, isNamed) };
}

/** Adds the verbs of a group to a parser, and reports to `onEnter` what yargs chooses. One verb must be typed. */
export function addGroup(
  parser: CommonParser,
  { name: own, description, verbs }: LoadedGroup,
  words: readonly string[],
  onEnter: (understood: Understood) => void,
): CommonParser {
  onEnter({ name: own, command: undefined, choices: verbs.map(({ name }) => name) });
  const typed = ["$0", ...words].join(" ");
  parser
    .usage(`${typed} COMMAND\n\n${description}`)
    .demandCommand(1, `${own}: missing command`)
    .epilogue(`${typed} COMMAND --help describes the options of a command.`);
  for (const { name, describe, command, group } of verbs) {
    const below = [...words, name];
    if (command !== undefined)
      command.addTo(parser, {
        words: below,
        describe,
        onEnter: (entered) => onEnter({ name, command: entered, choices: [] }),
      });
    else
      parser.command(name, describe, (inner) => (group === undefined ? inner : addGroup(inner, group, below, onEnter)));
  }
  return parser;
}
