/**
 * Rules between the flags of a command, declared beside its options: rejects a flag that contradicts another, or would
 * be ignored. The `conflicts` and `implies` of yargs take a default for a given flag, so that most rules could not be
 * written with them; here they read what was typed.
 */
import { HoldfastError } from "../../errors.ts";
import { readFlags } from "./read-flags.ts";

/**
 * Rules by flag. A flag is written as typed, without the dashes: `dry-run`, `no-safety`; `mode=update-only` is the flag
 * with that value.
 */
export interface FlagRules {
  /** Flags that exclude each other: at most one of each list. */
  readonly conflicts?: readonly (readonly string[])[];
  /** Flags that have no effect without one of the others. */
  readonly requires?: Readonly<Record<string, readonly string[]>>;
  /** Flags that select another mode of the command, each with the flags that it accepts besides the common ones. */
  readonly modes?: Readonly<Record<string, readonly string[]>>;
}

/** The flags that all commands share. */
const COMMON = new Set(["config", "dest", "json", "quiet", "verbose", "help", "version"]);

/** Throws `E_USAGE`, naming both flags, for the first rule that the arguments break. */
export function assertFlags(argv: readonly string[], rules: FlagRules): void {
  const flags = readFlags(argv);
  const names = new Set(flags.map(({ name }) => name));
  const given = new Set([...names, ...flags.map(({ name, value }) => `${name}=${value}`)]);
  for (const list of rules.conflicts ?? []) {
    const [first, second] = list.filter((flag) => given.has(flag));
    if (first !== undefined && second !== undefined) throwConflict(first, second);
  }
  for (const [mode, accepted] of Object.entries(rules.modes ?? {})) {
    const other = names.has(mode) ? [...names].find((flag) => flag !== mode && !isTaken(flag, accepted)) : undefined;
    if (other !== undefined) throwConflict(mode, other);
  }
  for (const [flag, others] of Object.entries(rules.requires ?? {})) {
    if (!given.has(flag) || others.some((other) => given.has(other))) continue;
    const wanted = others.map((one) => `--${one}`).join(" or ");
    throw new HoldfastError("E_USAGE", `--${flag} has no effect without ${wanted}`, {
      hint: `add ${wanted}, or omit --${flag}`,
    });
  }
}

/** Returns the name of a flag without its negation. */
const positive = (flag: string): string => flag.replace(/^no-/, "");
const isTaken = (flag: string, flags: readonly string[]): boolean =>
  COMMON.has(flag) || flags.includes(flag) || flags.includes(positive(flag));

function throwConflict(first: string, second: string): never {
  throw new HoldfastError("E_USAGE", `--${first} and --${second} exclude each other`, {
    hint: "omit one of them; --help describes both",
  });
}
