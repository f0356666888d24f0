/** `config show`: shows the resolved config, without its secrets. */
import path from "node:path";
import { parse } from "yaml";
import { EXIT } from "../../errors.ts";
import { resolvedConfig } from "../../ops/config/show.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";

export const show = defineCommand({
  forms: ["[FILE]"],
  description:
    "Shows the config as the commands use it: with its defaults, variables, root and store resolved, without its secrets.",
  positionals: { file: { type: "string", describe: "the config; that of --config when absent" } },
  options: {},
  async run(flags) {
    const config = requireSiteConfig(flags.file ?? lastValue(flags.config));
    const dest = lastValue(flags.dest);
    const text = resolvedConfig(dest === undefined ? config : { ...config, dest: path.resolve(dest) }, process.env);
    if (flags.json) printJson({ message_type: "summary", file: config.file, config: parse(text) });
    else process.stdout.write(text);
    return EXIT.ok;
  },
});
