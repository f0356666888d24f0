/** `find`: finds a file in the runs of a store. */
import { EXIT, HoldfastError } from "../../errors.ts";
import { FIND_DEFAULTS, findIn } from "../../api/runs.ts";
import type { FoundFile } from "../../ops/find/run.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { allValues, lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { IDENTITY, SWITCH, TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { siteConfigOf } from "../core/site-config.ts";
import { FROM, withStore } from "../core/from.ts";

const EXAMPLE = "for example: npx tsx scripts/find.ts 'logo*.png'";

export const find = defineCommand({
  forms: ["PATTERN --dest DIR"],
  description:
    "Finds files in the runs of a store: by name, by glob ('*.mp3'), or by a glob of their path ('images/**/*.png').",
  positionals: { pattern: { type: "string", demandOption: true, describe: "a name, or a glob" } },
  missing: EXAMPLE,
  options: {
    run: { ...TEXT, default: FIND_DEFAULTS.run, describe: "run to search: an id, latest or all" },
    identity: IDENTITY,
    from: FROM,
    "ignore-case": { ...SWITCH, describe: "ignore case" },
  },
  rules: { conflicts: [["from", "dest"]] },
  async run(flags, frame) {
    if (flags.pattern === "") throw new HoldfastError("E_USAGE", "find: missing argument PATTERN", { hint: EXAMPLE });
    return await withStore(flags, frame, async ({ store, content }) => {
      const outcome = await findIn(
        { store, config: siteConfigOf(lastValue(flags.config), lastValue(flags.dest)), content },
        {
          run: lastValue(flags.run),
          pattern: flags.pattern,
          ignoreCase: flags["ignore-case"],
          identities: allValues(flags.identity),
        },
        {
          signal: frame.signal,
          onFound: (found) => {
            if (flags.json) printJson({ message_type: "found", ...found });
            else process.stdout.write(`${printable(line(found))}\n`);
          },
        },
      );
      for (const text of outcome.not_searched) process.stderr.write(`${pc.red("not searched:")} ${printable(text)}\n`);
      if (flags.json) printJson({ message_type: "summary", ...outcome });
      else if (!flags.quiet)
        process.stderr.write(`${plural(outcome.found, "file")} found in ${plural(outcome.runs, "run")}\n`);
      return outcome.not_searched.length > 0 ? EXIT.verification : EXIT.ok;
    });
  },
});

const line = ({ run, step, unit, size, mtime, path, type }: FoundFile): string =>
  [
    run,
    formatBytes(size).padStart(9),
    mtime.slice(0, 19).replace("T", " "),
    `${path}${type === "directory" ? "/" : ""}`,
    pc.dim(`${step}/${unit}`),
  ].join("  ");
