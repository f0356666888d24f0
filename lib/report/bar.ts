/** A bar that shows a part of a whole, with colours and without. */
import { colors as pc } from "./colors.ts";

const WIDTH = 24;

/** Returns a bar for a fraction from 0 to 1; its two parts differ in their signs, not in colour alone. */
export function bar(fraction: number): string {
  const full = Math.round(fraction * WIDTH);
  return pc.cyan("━".repeat(full)) + pc.dim("┄".repeat(WIDTH - full));
}
