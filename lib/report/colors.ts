/** Colours for people: only where both streams are a terminal, never in a pipe, whatever the environment says of CI. */
import pc from "picocolors";

const areTerminals = [process.stdout, process.stderr].every((stream: { isTTY?: boolean }) => stream.isTTY === true);

export const colors = pc.createColors(areTerminals && (process.env["NO_COLOR"] ?? "") === "");
