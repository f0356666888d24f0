/** `config check`: checks a config and the paths that it names. */
import path from "node:path";
import { EXIT } from "../../errors.ts";
import { checkConfigFile } from "../../ops/config/check.ts";
import { colors as pc } from "../../report/colors.ts";
import { plural } from "../../report/format.ts";
import { printable } from "../../report/printable.ts";
import { redact } from "../../report/redact.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { printJson } from "../core/print-json.ts";
import { configFile } from "../core/site-config.ts";

export const check = defineCommand({
  forms: ["[FILE]"],
  description:
    "Checks a config: its keys and values, paths that two keys take, paths that do not exist, files of secrets that " +
    "cannot be read. Exit status 2 if anything is wrong.",
  positionals: { file: { type: "string", describe: "the config; that of --config when absent" } },
  options: {},
  async run(flags) {
    const file = path.resolve(configFile(flags.file ?? lastValue(flags.config)));
    const found = checkConfigFile(file, process.env);
    const problems = [
      ...found.errors.map((fault) => ({ ...fault, level: "error", shown: pc.red("error:") })),
      ...found.warnings.map((fault) => ({ ...fault, level: "warning", shown: pc.yellow("warning:") })),
    ];
    const ok = found.errors.length === 0;
    if (flags.json) {
      const listed = problems.map(({ level, key, line, message }) => ({ level, key, line, message: redact(message) }));
      printJson({ message_type: "summary", file, ok, error_count: found.errors.length, problems: listed });
    } else {
      for (const { shown, line, message, hint } of problems)
        process.stdout.write(
          `${printable(file)}:${line}: ${shown} ${printable(redact(message))}${hint === undefined ? "" : ` (${printable(hint)})`}\n`,
        );
      if (ok && !flags.quiet) process.stdout.write(`${conclusion(file, problems.length)}\n`);
    }
    return ok ? EXIT.ok : EXIT.usage;
  },
});

const conclusion = (file: string, warnings: number): string =>
  `${pc.green("✓")} ${printable(file)} is valid${warnings === 0 ? "" : `, ${plural(warnings, "warning")}`}`;
