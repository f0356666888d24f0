/** `drill --reinit`: checks that an export restores everything that a reinit clears. */
import type { SiteConfig } from "../../config/load.ts";
import { EXIT } from "../../errors.ts";
import { drillReinitOf } from "../../api/drill.ts";
import type { ReinitDrill } from "../../ops/drill/reinit.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable, printableLines } from "../../report/printable.ts";
import { printJson } from "../core/print-json.ts";
import type { CommandFrame, OutputFlags } from "../core/run-command.ts";

export async function drillReinit(
  config: SiteConfig,
  flags: OutputFlags & { readonly sandbox: string | undefined; readonly database: string | undefined },
  { signal }: CommandFrame,
): Promise<number> {
  const shown = !flags.json && !flags.quiet;
  const found = await drillReinitOf(
    config,
    { sandbox: flags.sandbox, database: flags.database },
    { signal, onPhase: (phase) => void (shown && process.stderr.write(`${pc.dim(`${phase} …`)}\n`)) },
  );
  for (const warning of found.warnings) process.stderr.write(`${pc.yellow("!")} ${printable(warning)}\n`);
  if (flags.json) printJson({ message_type: "summary", ...found });
  else if (shown || !found.ok) process.stdout.write(`${printableLines(describe(found))}\n`);
  return found.ok ? EXIT.ok : EXIT.verification;
}

function describe({ unit, ok, cleared_rows, tables, left_out }: ReinitDrill): string[] {
  const other = tables.filter((table) => !table.same);
  const same = plural(tables.length, "table");
  return [
    ...other.map(
      ({ table, exported, found }) =>
        `${pc.red("✗")} ${table}: ${exported} rows before, ${found} after, with other content`,
    ),
    ...(left_out.length === 0 ? [] : [`not in an export: ${left_out.join(", ")}`]),
    ok
      ? `${pc.green("✓")} ${unit}: ${plural(cleared_rows, "row")} cleared on a copy, ${same} identical after the import`
      : `${pc.red("✗")} ${unit}: the import does not restore everything that a reinit clears`,
  ];
}
