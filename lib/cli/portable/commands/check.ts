/** `portable check`: compares an export with a database. */
import { defineCommand } from "../../core/command.ts";
import { EXITS, checkExport } from "../compatibility.ts";
import { showCheck } from "../check-report.ts";
import { configOf, withConnection } from "../database.ts";
import { DATABASE, SETTINGS, SOURCE, TABLES, VERIFY_CHECKSUM } from "../options.ts";
import { DEFAULT_CHOICES, importRequestOf } from "../import-request.ts";
import { withSource } from "../source.ts";
import { withValuesTried } from "../values.ts";
import { IDENTITY } from "../../core/options.ts";

export const check = defineCommand({
  forms: ["EXPORT [--database URL]"],
  description: "Checks whether an export can be imported into the database. Nothing is changed.",
  positionals: SOURCE,
  options: {
    ...DATABASE,
    ...TABLES,
    "verify-checksum": VERIFY_CHECKSUM,
    identity: IDENTITY,
    values: { type: "boolean", describe: "also import all values, then roll back" },
    ...SETTINGS,
  },
  run: async (flags, frame) =>
    await withSource(
      flags,
      frame,
      async (open) =>
        await withConnection(flags, "read", frame, async (connection) => {
          const found = await open({ anyVersion: true });
          const { isOther } = await importRequestOf(flags, found, DEFAULT_CHOICES);
          const isTried = flags.values === true;
          const around = { config: configOf(flags), signal: frame.signal, isOther: isOther === true && !isTried };
          const schema = await checkExport(connection, found, flags, around);
          const report = isTried ? await withValuesTried(flags, frame, { found, report: schema }) : schema;
          showCheck(found, report, flags);
          return EXITS[report.status];
        }),
    ),
});
