/** `npm run bench NAME`: runs one of the measurements in this directory; without a name, lists them. */
import { readdirSync } from "node:fs";

const [name, ...rest] = process.argv.slice(2);
const known = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith(".ts") && file !== "run.ts")
  .map((file) => file.slice(0, -".ts".length));
if (name === undefined || !known.includes(name)) {
  process.stderr.write(`npm run bench NAME, with one of: ${known.join(", ")}\n`);
  process.exitCode = name === undefined ? 0 : 2;
} else {
  process.argv.splice(2, process.argv.length, ...rest);
  await import(`./${name}.ts`);
}
