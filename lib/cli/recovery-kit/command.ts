/** `recovery-kit`: writes a directory that brings the site back without Holdfast. */
import path from "node:path";
import { makeRecoveryKit } from "../../api/restore.ts";
import { EXIT } from "../../errors.ts";
import { colors as pc } from "../../report/colors.ts";
import { printable } from "../../report/printable.ts";
import { lastValue } from "../core/arguments.ts";
import { defineCommand } from "../core/command.ts";
import { SWITCH, TEXT } from "../core/options.ts";
import { printJson } from "../core/print-json.ts";
import { requireSiteConfig } from "../core/site-config.ts";
import { storeOf } from "../core/store-path.ts";

const IDENTITY_TEXT = {
  sealed: "the identity, sealed by the passphrase",
  plain: "the identity, not sealed",
  none: "no identity",
} as const;

export const recoveryKit = defineCommand({
  forms: ["DIR --config FILE"],
  description:
    "Writes a directory from which the site can be brought back on a fresh Debian without Holdfast. " +
    "Keep it off this host.",
  positionals: { directory: { type: "string", demandOption: true, describe: "a new directory for the kit" } },
  missing: "name a new directory, such as /root/kit",
  options: {
    identity: { ...TEXT, describe: "file with an identity that opens sealed artifacts, to go into the kit" },
    "plain-identity": { ...SWITCH, describe: "do not seal the identity by a passphrase" },
  },
  rules: { requires: { "plain-identity": ["identity"] } },
  async run(flags, frame) {
    const site = { config: requireSiteConfig(lastValue(flags.config)), store: storeOf(flags) };
    const plainIdentity = flags["plain-identity"];
    const options = { directory: flags.directory, identity: lastValue(flags.identity), plainIdentity };
    const summary = await makeRecoveryKit(site, options, frame);
    if (flags.json) printJson({ message_type: "summary", ...summary });
    else if (!flags.quiet) {
      const { directory, files, identity } = summary;
      const text = `the recovery kit ${directory}: ${files.join(", ")}; ${IDENTITY_TEXT[identity]}`;
      process.stdout.write(`${pc.green("✓")} ${printable(text)}\n`);
      process.stdout.write(`Take it to where no backup is, and read ${printable(path.join(directory, "README.md"))}\n`);
    }
    return EXIT.ok;
  },
});
