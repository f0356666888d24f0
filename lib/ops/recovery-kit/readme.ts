/** README.md of a recovery kit: the steps that bring this very site back, for somebody without Holdfast. */
import type { SiteConfig } from "../../config/load.ts";
import { describeUrl, engineOfUrl } from "../../database/engines/registry.ts";
import { shellQuote } from "../../report/shell.ts";
import type { Address } from "./addresses.ts";
import type { KeptIdentity } from "./identity.ts";

export interface ReadmeFacts {
  readonly config: SiteConfig;
  readonly store: string;
  readonly addresses: readonly Address[];
  readonly identity: KeptIdentity;
  /** ISO 8601. */
  readonly made_at: string;
}

/** Returns the text. */
export function kitReadme(facts: ReadmeFacts): string {
  const { config, made_at } = facts;
  const isSealed = config.encryption !== undefined;
  const steps = [
    host(config),
    run(facts),
    ...(isSealed ? [identity(facts)] : []),
    ...databases(config),
    restore(facts),
    afterwards(),
  ].map(([title, text], index) => `## ${index + 1}. ${title}\n\n${text}`);
  return `# Bringing ${config.site} back

The site is gone, and this directory brings it back from its backups, with the standard tools of a fresh Debian.
You need no Holdfast. Go through the steps in order, as root; each ends before the next begins. Nothing here changes
a backup: if a step fails, read what it says, and do it again.

Made on ${made_at.slice(0, 10)}. Keep this directory off the host, and make it anew every quarter and after each change of keys.

${steps.join("\n\n")}
`;
}

type Step = readonly [title: string, text: string];

function host({ database = [], encryption, signing }: SiteConfig): Step {
  const packages = [
    ...(encryption === undefined ? [] : [encryption.program === "gpg" ? "age gnupg" : "age"]),
    ...(signing === undefined ? [] : ["openssh-client"]),
    "tar unzip jq attr rsync",
    ...database.flatMap(({ url }) => engineOfUrl(url).byHand.packages),
  ];
  return [
    "A host",
    `Take a fresh Debian with room for the backup three times, and copy this directory to it, for example to \`/root/kit\`.

\`\`\`bash
apt-get update
apt-get install ${[...new Set(packages)].join(" ")}
\`\`\``,
  ];
}

function run({ store, addresses }: ReadmeFacts): Step {
  const list = addresses.map(({ place, needs }) => `- ${place}. Needed: ${needs}.`).join("\n");
  const objects =
    addresses.length === 1
      ? ""
      : "\n\nA target may keep artifacts as objects: then `objects.tsv` of a run names, a line each, the file and the key of its object.";
  return [
    "A run",
    `The backups are here. Passwords and keys for these places are not in this kit:

${list}

Each directory in \`runs\` is one whole backup, named by its time in UTC, such as \`20261120T020000Z\`. Take the newest, or the last one
from before the damage, and copy it to this host, for example:

\`\`\`bash
rsync -a root@OLD_HOST:${shellQuote(`${store}/runs/20261120T020000Z`)} /root/
\`\`\`${objects}`,
  ];
}

const IDENTITY: Readonly<Record<KeptIdentity, string>> = {
  sealed:
    "The backups are sealed. `identity.txt.age` opens them, and is itself sealed by a passphrase: `restore.sh` asks for it. Find the passphrase now.",
  plain:
    "The backups are sealed. `identity.txt` opens them: there is nothing to do. It is not protected; keep it from everybody else.",
  none: "The backups are sealed, and **what opens them is not in this kit**. Find the identity (a file with a line `AGE-SECRET-KEY-1…`, or a\nprivate SSH or gpg key) of one of the recipients, and copy it to `identity.txt` in this directory.",
};

const identity = ({ identity: kept }: ReadmeFacts): Step => ["The identity", IDENTITY[kept]];

function databases({ database = [] }: SiteConfig): Step[] {
  if (database.length === 0) return [];
  const lines = database.map(({ url }) => {
    const { name, byHand } = engineOfUrl(url);
    return `- \`${describeUrl(url).database}\` (${name}). ${byHand.prepare}`;
  });
  return [["The database", lines.join("\n")]];
}

function restore({ config }: ReadmeFacts): Step {
  const checks =
    config.signing === undefined
      ? "It compares every file of the run with `SHA256SUMS`. The site does not sign its backups: take one from a place that you trust."
      : "It checks who made the run, by `allowed_signers`, and compares every file of it with `SHA256SUMS`. If it says *do not trust*, take another run.";
  const room =
    config.encryption === undefined
      ? ""
      : "\n\nWhat is opened lies in `$TMPDIR` (else `/tmp`) until the script ends, and needs as much room as the run: `export TMPDIR=/root/tmp` takes another place.";
  return [
    "The restore",
    `The site was at ${shellQuote(config.root)}. The directory must be empty or new:

\`\`\`bash
bash /root/kit/restore.sh /root/20261120T020000Z ${shellQuote(config.root)}
\`\`\`

${checks} Then it runs the commands of the run's \`RESTORE.md\`. Files that lay outside of the site's directory go back to where they were;
a third argument names a new directory for them instead: do that to look at a backup on a host that is in use.${room}

It ends with \`is restored\`. Anything else is a failure: read the last lines; remove the new directory, and a database that was made; correct the cause; start
again.`,
  ];
}

const afterwards = (): Step => [
  "Afterwards",
  `1. \`failures.json\` of the run names what that backup could not read: an empty list, or what is missing now.
2. \`infra\` of the run, if it is there, has the host's configuration: services, web server, cron. Secrets in it are blanked out: set new ones.
3. Files have their old owners by number: \`chown\` them where this host has other users.
4. Start the services, open a few pages, log in.
5. Have the name of the site lead here (DNS), and set up backups again, today.`,
];
