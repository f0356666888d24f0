/** The commands that unpack portable data. */
import type { UnitMetadata } from "../../model/unit.ts";
import { shellQuote } from "../../report/shell.ts";
import { fileOfRun } from "../restore/targets.ts";

/** Returns the commands; the import is a comment, since the dump holds the same data. */
export function portableCommands({ unit, artifacts: [artifact] }: UnitMetadata): string[] {
  if (artifact === undefined) return [];
  const directory = shellQuote(`${unit}-portable`);
  return [
    `mkdir ${directory} && unzip -q ${fileOfRun(artifact.path)} -d ${directory}`,
    `# npx tsx scripts/portable.ts import ${directory} --database URL`,
  ];
}
