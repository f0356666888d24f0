/** Prints warnings. */
import { colors as pc } from "./colors.ts";
import { printable } from "./printable.ts";

/** Prints a warning on standard error, on one line. */
export const printWarning = (text: string): void =>
  void process.stderr.write(`${pc.yellow("warning:")} ${printable(text)}\n`);
