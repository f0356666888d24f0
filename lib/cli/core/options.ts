/** Options that several commands share. */
import type { Options } from "yargs";

/** The options or positional arguments of a command, by name. */
export type OptionTable = Readonly<Record<string, Options>>;

/** An option with a value. */
export const TEXT = { type: "string", requiresArg: true } as const;
/** An option with a number. */
export const NUMBER = { type: "number", requiresArg: true } as const;
/** An option that is on or off; off is the default. */
export const SWITCH = { type: "boolean", default: false } as const;

/** The options of every command. */
export const COMMON = {
  config: { ...TEXT, describe: "config file of the site" },
  dest: { ...TEXT, describe: "the store (default: dest in the config)" },
  json: { ...SWITCH, describe: "print JSON lines on standard output" },
  quiet: { ...SWITCH, describe: "print errors only" },
  verbose: { ...SWITCH, describe: "print every unit, and the causes of errors" },
} as const satisfies OptionTable;

export const YES = { ...SWITCH, describe: "do not ask" } as const;
export const BREAK_LOCK = { ...SWITCH, describe: "take over a lock held from another host" } as const;
/** Names an identity file; may be given several times. */
export const IDENTITY = { ...TEXT, describe: "file with an identity that opens sealed artifacts" } as const;
export const ALLOWED_SIGNERS = {
  ...TEXT,
  describe: "file of the signers whose signatures count (default: signing in the config)",
} as const;
/** The options of commands that keep evidence of what they proved. */
export const EVIDENCE = {
  ...TEXT,
  describe: "directory for the evidence (default: the store, or this host's state directory if that is read-only)",
} as const;
