/** Commands as data: the options that a verb declares, which yargs, the man page and the tests read. */
import type { ArgumentsCamelCase, Argv, InferredOptionTypes } from "yargs";
import { HoldfastError } from "../../errors.ts";
import { assertFlags, type FlagRules } from "./flag-rules.ts";
import type { COMMON, OptionTable } from "./options.ts";
import { readFlags, unmarked } from "./read-flags.ts";
import { runCommandFrame, type CommandFrame, type OutputFlags } from "./run-command.ts";

type Common = InferredOptionTypes<typeof COMMON>;
/** A parser that knows the options of every command. */
export type CommonParser = Argv<Common>;

/** The parsed flags of some options, and of those of every command. */
export type ParsedOptions<O extends OptionTable> = Omit<Common, keyof O> & InferredOptionTypes<O>;

/** The parsed flags and positional arguments of a command. */
type Flags<O extends OptionTable, P extends OptionTable> = ArgumentsCamelCase<
  Omit<ParsedOptions<O>, keyof P> & InferredOptionTypes<P>
>;

interface Described<O extends OptionTable, P extends OptionTable> {
  /** The arguments shown behind the command's name in its help, a line for each form: `RUN --dest DIR`. */
  readonly forms: readonly string[];
  /** The paragraph below. */
  readonly description: string;
  /** Positional arguments in their order; one with `demandOption` must be given. */
  readonly positionals: P;
  /** The hint where a demanded one is missing. */
  readonly missing?: string;
  readonly options: O;
  /** Rules between flags. */
  readonly rules?: FlagRules;
}

interface CommandSpec<O extends OptionTable, P extends OptionTable> extends Described<O, P> {
  /** Runs the command; returns its exit status. */
  readonly run: (flags: Flags<O, P>, frame: CommandFrame) => Promise<number>;
}

/** The command as a user knows it, and how it is added to a parser. */
export interface Command extends Described<OptionTable, OptionTable> {
  /**
   * Adds the command to a parser as `words`, which are empty where the whole parser is the command. `onEnter` is called
   * when yargs chooses it.
   */
  readonly addTo: (parser: CommonParser, place: CommandPlace) => CommonParser;
}

export interface CommandPlace {
  /** The words that lead to the command, e.g. `portable`, `export`. */
  readonly words: readonly string[];
  /** One line for the list of commands. */
  readonly describe: string;
  readonly onEnter: (command: Command) => void;
}

/** Returns the command; its flags have the types of its options. */
export function defineCommand<const O extends OptionTable, const P extends OptionTable>(
  spec: CommandSpec<O, P>,
): Command {
  const { forms, description, positionals, options, rules = {}, run } = spec;
  const command: Command = {
    ...spec,
    addTo: (parser, { words, describe, onEnter }) => {
      const usage = `${forms.map((form) => ["$0", ...words, form].join(" ").trim()).join("\n")}\n\n${description}`;
      const isWhole = words.length === 0;
      return (isWhole ? parser.usage(usage) : parser).command(
        [words.at(-1) ?? "$0", ...positionalWords(positionals)].join(" "),
        describe,
        (own) => {
          onEnter(command);
          const full = (isWhole ? own : own.usage(usage))
            .options(options)
            .options(positionals)
            .check(() => {
              const argv = process.argv.slice(2);
              assertNotTyped(Object.keys(positionals), argv);
              assertFlags(argv, rules);
              return true;
            });
          for (const [name, { describe: text, choices }] of Object.entries<OptionTable[string]>(positionals))
            full.positional(name, { describe: text, choices, coerce: unmarked });
          return full;
        },
        async (flags) => await runCommandFrame(outputOf(flags), async (frame) => await run(flags, frame)),
      );
    },
  };
  return command;
}

const outputOf = ({ json, quiet, verbose }: Readonly<Record<string, unknown>>): OutputFlags => ({
  json: json === true,
  quiet: quiet === true,
  verbose: verbose === true,
});

const positionalWords = (positionals: OptionTable): string[] =>
  Object.entries(positionals).map(([name, { demandOption }]) => (demandOption === true ? `<${name}>` : `[${name}]`));

/** Throws `E_USAGE` for a positional argument that is given as a flag, which yargs would accept. */
function assertNotTyped(positionals: readonly string[], argv: readonly string[]): void {
  const typed = readFlags(argv).find(({ name }) => positionals.includes(name));
  if (typed !== undefined) throw new HoldfastError("E_USAGE", `Unknown argument: ${typed.name}`);
}
