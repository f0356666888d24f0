/** Colours for people: only if both streams are a terminal, never in a pipe, even if the environment names a CI. */
import pc from "picocolors";
import { owned } from "./printable.ts";

const areTerminals = [process.stdout, process.stderr].every((stream: { isTTY?: boolean }) => stream.isTTY === true);
const { bold, dim, red, green, yellow, cyan } = pc.createColors(areTerminals && (process.env["NO_COLOR"] ?? "") === "");

export const colors = {
  bold: owned(bold),
  dim: owned(dim),
  red: owned(red),
  green: owned(green),
  yellow: owned(yellow),
  cyan: owned(cyan),
};
