/** Writes config/site.schema.json from the schema in lib/config; with --check, only says whether it is fresh. */
import { readFileSync, writeFileSync } from "node:fs";
import { siteJsonSchema } from "../lib/config/schema.ts";

const file = new URL("../config/site.schema.json", import.meta.url);
const fresh = `${JSON.stringify(siteJsonSchema(), null, 2)}\n`;
if (!process.argv.includes("--check")) {
  writeFileSync(file, fresh);
} else if (readFileSync(file, "utf8") !== fresh) {
  process.stderr.write(
    "config/site.schema.json is not what lib/config/schema.ts says; run: npx tsx scripts/schema.ts\n",
  );
  process.exitCode = 1;
}
