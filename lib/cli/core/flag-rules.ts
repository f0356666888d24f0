/** Rules between the flags of a command, declared beside its options: a flag that contradicts another, or would be ignored, is refused. */
import { HoldfastError } from "../../errors.ts";

/**
 * Flags are named as they are typed, without the dashes: `dry-run`, `no-safety`; `mode=update-only` is the flag with that value.
 */
export interface FlagRules {
  /** Flags that exclude each other: of each list at most one. */
  readonly conflicts?: readonly (readonly string[])[];
  /** Flags that mean nothing without one of the others. */
  readonly requires?: Readonly<Record<string, readonly string[]>>;
  /** Flags that make the command do something else: the flags that each takes beside those of every command. */
  readonly modes?: Readonly<Record<string, readonly string[]>>;
  /** The same for commands whose first argument is a verb. */
  readonly verbs?: Readonly<Record<string, readonly string[]>>;
}

/** Flags of every command. */
const COMMON = new Set(["config", "dest", "json", "quiet", "verbose", "help", "version"]);
const ALIASES: Readonly<Record<string, string>> = { "-o": "--output" };

/** Throws `E_USAGE`, naming both flags, for the first rule that the arguments break. */
export function assertFlags(argv: readonly string[], rules: FlagRules, verb = ""): void {
  const given = givenFlags(argv);
  const names = new Set([...given].filter((flag) => !flag.includes("=")));
  for (const list of rules.conflicts ?? []) {
    const [first, second] = list.filter((flag) => given.has(flag));
    if (first !== undefined && second !== undefined) refuse(first, second);
  }
  for (const [mode, flags] of Object.entries(rules.modes ?? {})) {
    const other = names.has(mode) ? [...names].find((flag) => flag !== mode && !isTaken(flag, flags)) : undefined;
    if (other !== undefined) refuse(mode, other);
  }
  for (const [flag, others] of Object.entries(rules.requires ?? {})) {
    if (!given.has(flag) || others.some((other) => given.has(other))) continue;
    throw new HoldfastError(
      "E_USAGE",
      `--${flag} has no effect without ${others.map((one) => `--${one}`).join(" or ")}`,
      {
        hint: `add ${others.map((one) => `--${one}`).join(" or ")}, or leave --${flag} out`,
      },
    );
  }
  const { [verb]: own, ...others } = rules.verbs ?? {};
  const known = new Set(Object.values(others).flat());
  const other = own && [...names].find((flag) => isKnown(flag, known) && !isTaken(flag, own));
  if (other !== undefined) throw new HoldfastError("E_USAGE", `--${other} has no meaning for ${verb}`);
}

/** The name of a flag without its negation. */
const positive = (flag: string): string => flag.replace(/^no-/, "");
const isTaken = (flag: string, flags: readonly string[]): boolean =>
  COMMON.has(flag) || flags.includes(flag) || flags.includes(positive(flag));
const isKnown = (flag: string, known: ReadonlySet<string>): boolean => known.has(flag) || known.has(positive(flag));

function refuse(first: string, second: string): never {
  throw new HoldfastError("E_USAGE", `--${first} and --${second} exclude each other`, {
    hint: "leave one of them out; --help says what each does",
  });
}

/** The flags that were typed, in kebab case, and each with its value. A switch that was turned off by `=false` is not among them. */
function givenFlags(argv: readonly string[]): ReadonlySet<string> {
  const given = new Set<string>();
  for (const [index, argument] of argv.entries()) {
    if (argument === "--") break;
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(ALIASES[argument] ?? argument) ?? [];
    if (name === undefined || value === "false") continue;
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    given.add(flag).add(`${flag}=${value ?? argv[index + 1] ?? ""}`);
  }
  return given;
}
