/** `find`: finds a file in the runs of a store. */
import { EXIT, HoldfastError } from "../../errors.ts";
import { findFiles, type FoundFile } from "../../ops/runs/find-files.ts";
import { colors as pc } from "../../report/colors.ts";
import { formatBytes, plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { commandLine, lastValue } from "../core/arguments.ts";
import { argumentOf, storeCommand } from "../core/store-command.ts";

export async function findCommand(): Promise<void> {
  await storeCommand(
    (argv) => {
      const flags = commandLine(
        "find",
        "$0 PATTERN --dest DIR\n\nFinds files in the runs of a store: by name, by glob ('*.mp3'), " +
          "or by a glob of their path ('images/**/*.png').",
      )
        .strict(false)
        .strictOptions()
        .option("run", {
          type: "string",
          default: "all",
          describe: "run to search: an id, latest or all",
          requiresArg: true,
        })
        .option("ignore-case", { type: "boolean", default: false, describe: "ignore case" })
        .parseSync([...argv]);
      const pattern = argumentOf(flags._);
      if (pattern === undefined || pattern === "")
        throw new HoldfastError("E_USAGE", "find: missing argument PATTERN", {
          hint: "for example: npx tsx scripts/find.ts 'logo*.png'",
        });
      return { ...flags, pattern };
    },
    async (flags, store, frame) => {
      const outcome = await findFiles(
        { store, run: lastValue(flags.run) ?? "all", pattern: flags.pattern, ignoreCase: flags["ignore-case"] },
        {
          signal: frame.signal,
          onFound: (found) =>
            void process.stdout.write(
              flags.json ? `${JSON.stringify({ message_type: "found", ...found })}\n` : `${printable(line(found))}\n`,
            ),
        },
      );
      for (const text of outcome.not_searched) process.stderr.write(`${pc.red("not searched:")} ${printable(text)}\n`);
      if (flags.json) process.stdout.write(`${JSON.stringify({ message_type: "summary", ...outcome })}\n`);
      else if (!flags.quiet)
        process.stderr.write(`${plural(outcome.found, "file")} found in ${plural(outcome.runs, "run")}\n`);
      return outcome.not_searched.length > 0 ? EXIT.verification : EXIT.ok;
    },
  );
}

const line = ({ run, step, unit, size, mtime, path, type }: FoundFile): string =>
  [
    run,
    formatBytes(size).padStart(9),
    mtime.slice(0, 19).replace("T", " "),
    `${path}${type === "directory" ? "/" : ""}`,
    pc.dim(`${step}/${unit}`),
  ].join("  ");
