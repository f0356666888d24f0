/** Reads the flags of a command line as they were typed, before yargs gives them defaults. */

export interface GivenFlag {
  /** The name in kebab case, without dashes: `dry-run`, `no-safety`. */
  readonly name: string;
  /** The text after `=`, else the next argument. */
  readonly value: string;
}

const ALIASES: Readonly<Record<string, string>> = { "-o": "--output" };

/** Returns the given flags in their order. A switch turned off by `=false` is not included. */
export function readFlags(argv: readonly string[]): GivenFlag[] {
  const end = argv.indexOf("--");
  return argv.slice(0, end === -1 ? argv.length : end).flatMap((argument, index) => {
    const [, name, value] = /^--([\w-]+)(?:=(.*))?$/s.exec(ALIASES[argument] ?? argument) ?? [];
    if (name === undefined || value === "false") return [];
    const kebab = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    return [{ name: kebab, value: value ?? argv[index + 1] ?? "" }];
  });
}
