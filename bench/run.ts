/** `npm run bench [NAME]`: runs one of the measurements in this directory; without a name, the comparison with other programs. */
import { readdirSync } from "node:fs";

const [first, ...rest] = process.argv.slice(2);
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && file !== "run.ts")
  .map((file) => file.slice(0, -".ts".length));
const isFlag = first === undefined || first.startsWith("-");
const name = isFlag ? "compare" : first;
if (!known.includes(name)) {
  process.stderr.write(`npm run bench [NAME], with one of: ${known.join(", ")}\n`);
  process.exitCode = 2;
} else {
  process.argv.splice(2, process.argv.length, ...(isFlag && first !== undefined ? [first] : []), ...rest);
  await import(`./${name}.ts`);
}
