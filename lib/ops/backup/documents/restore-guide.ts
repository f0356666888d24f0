/** `RESTORE.md`: how to bring a run back with standard tools alone, written for this very run. */
import type { SiteConfig } from "../../../config/load.ts";
import type { ManifestHead } from "../../../model/run.ts";
import type { StepName } from "../../../model/unit.ts";
import { shellQuote } from "../../../report/shell.ts";
import { plural } from "../../../report/format.ts";
import type { Seal, SealProgram } from "../../../model/seal.ts";
import { restoreOrder, STEPS } from "../../../steps/registry.ts";
import { fileOfRun, target } from "../../../steps/restore/targets.ts";
import { sealedName } from "../../../store/seal/names.ts";
import { NAMES_FILE } from "../../../store/run/readable.ts";
import { DEAD_LIST, DIRECTORY_TIMES } from "../../../store/run/layers.ts";
import type { Place, Places } from "../../../store/run/places.ts";
import { unitOrder } from "../../../store/run/unit-name.ts";
import type { CollectedUnit } from "./collected-unit.ts";

export interface RestoreGuide {
  readonly text: string;
  /** The part with the names of files, where names are sealed: it takes the place of `text` once they are opened. */
  readonly sealed?: string;
}

/** Returns the guide for a run with these units; `signer` is the principal of the one who signs it. */
export function restoreGuide(
  units: readonly CollectedUnit[],
  head: ManifestHead,
  config: SiteConfig,
  places: Places,
  { seal, signer }: { readonly seal: Seal | undefined; readonly signer: string | undefined },
): RestoreGuide {
  const sections = restoreOrder().flatMap((step) => {
    const own = units.filter((unit) => unit.step === step);
    return own.length === 0 ? [] : [section(own, step)];
  });
  const start = [intro(head, config, signer), ...openings(seal)];
  const commands = [...sections, attributes(places), outro()];
  if (seal?.names !== true) return { text: joined([...start, ...commands]) };
  const title = `# Restoring ${head.site} from run ${head.run}, after the names are opened`;
  return { text: joined([...start, continuation(seal)]), sealed: joined([title, ...commands]) };
}

const joined = (parts: readonly string[]): string => `${parts.join("\n\n")}\n`;

function intro(head: ManifestHead, config: SiteConfig, signer: string | undefined): string {
  return `# Restoring ${head.site} from run ${head.run}

This run was made on ${head.host} and ended ${head.finished_at} as **${head.status}**${head.scope === "full" ? "" : " (a selection of the site, not all of it)"}. Everything here is plain files:
\`sha256sum\`, \`unzip\`, \`tar\` and the database's own tools bring it back. \`failures.json\` names what could not be backed up.

The commands below are for bash and GNU tools, as root where owners matter. Start in this directory and set where the site shall be: it was at
${shellQuote(config.root)}. Trees that lay outside of it go back to where they were, or below \`OUTSIDE\` when that is set.${signer === undefined ? "" : SIGNED}

\`\`\`bash
set -o pipefail
RUN=$PWD
ROOT=${shellQuote(config.root)}
OUTSIDE=
UNZIP="unzip -qo -^ -K -V"
[ "$(id -u)" != 0 ] || UNZIP="$UNZIP -X"
${signer === undefined ? "" : checkSignature(signer)}sha256sum --quiet -c SHA256SUMS
\`\`\``;
}

/** Commands that open the file `$f` to `$PLAIN` with the identity `$IDENTITY`, by program. */
const OPEN: Readonly<Record<SealProgram, string>> = {
  age: 'age --decrypt --identity "$IDENTITY" --output "$PLAIN/${f%.age}" -- "$f"',
  gpg: 'gpg --batch --quiet --output "$PLAIN/${f%.gpg}" --decrypt -- "$f"',
};

/** Returns the section that opens a sealed run; none for a plain one. */
function openings(seal: Seal | undefined): string[] {
  if (seal === undefined) return [];
  const { program } = seal;
  const identity =
    program === "age"
      ? "`IDENTITY` is a file with an identity of one of them"
      : "the secret key of one of them is in your keyring (`gpg --import`)";
  return [
    `## The seal

The artifacts are sealed with \`${program}\` to ${plural(seal.recipients.length, "recipient")}; ${identity}. They are opened into a copy of
this directory, which needs as much room as the whole run: take a place that only you can read, and remove it afterwards.

\`\`\`bash
IDENTITY=\${IDENTITY:-~/identity.txt}
PLAIN=$(mktemp -d)
tar -c --exclude='*.${program}' . | tar -x -C "$PLAIN"
find . -type f -name '*.${program}' -print0 | while IFS= read -r -d '' f; do ${OPEN[program]} || exit 1; done && RUN=$PLAIN
\`\`\``,
  ];
}

/** Returns the section that goes on with the sealed part of the guide. */
const continuation = (seal: Seal): string => `## The names

\`${sealedName(NAMES_FILE, seal)}\` holds the documents that name files and people, as a compressed tar archive, and the rest of this guide. These
commands unpack it and run the commands of \`$PLAIN/RESTORE.md\`; to read them first, leave the last line out.

\`\`\`bash
tar -xzf "$PLAIN/${NAMES_FILE}" -C "$PLAIN" --no-same-owner
sed -n '/^\`\\{3\\}bash$/,/^\`\\{3\\}$/{/^\`\\{3\\}/!p}' "$PLAIN/RESTORE.md" > "$PLAIN/restore.sh"
. "$PLAIN/restore.sh"
\`\`\``;

const SIGNED = `

The run is signed: \`SHA256SUMS\` lists every file of it, and \`SHA256SUMS.sig\` signs that list. Set \`ALLOWED_SIGNERS\` to your own copy of the
list of signers, never to one that came with the backup, and \`ssh-keygen\` (OpenSSH 8.9 or later) says who made it. A file that
\`SHA256SUMS\` does not list is no part of the run, and \`"run"\` in \`manifest.json\` names the run that was signed.`;

/** Returns commands that fail for a signature that does not count. */
const checkSignature = (signer: string): string => `ALLOWED_SIGNERS=\${ALLOWED_SIGNERS:-}
[ -z "$ALLOWED_SIGNERS" ] || ssh-keygen -Y verify -f "$ALLOWED_SIGNERS" -I ${shellQuote(signer)} -n holdfast-run -s SHA256SUMS.sig < SHA256SUMS
`;

function section(units: readonly CollectedUnit[], step: StepName): string {
  const { title, note } = STEPS[step];
  const groups = new Map<string | symbol, Group>();
  for (const { unit, layers, places, commands } of units) {
    const [place] = places;
    const key = layers ?? Symbol(unit);
    const group = groups.get(key) ?? { layers, place, units: [] };
    group.units.push({ unit, commands });
    groups.set(key, group);
  }
  const commands = [...groups.values()].toSorted((a, b) => orderOf(a) - orderOf(b)).flatMap(commandsOf);
  return [
    `## ${title}`,
    ...(note === undefined ? [] : [note]),
    ...(commands.length === 0 ? [] : [`\`\`\`bash\n${commands.join("\n")}\n\`\`\``]),
  ].join("\n\n");
}

/** A unit, or the shards of one tree, with their commands. */
interface Group {
  readonly layers: string | undefined;
  readonly place: Place | undefined;
  readonly units: { readonly unit: string; readonly commands: readonly string[] }[];
}

function commandsOf({ layers, place, units }: Group): readonly string[] {
  const commands = units.toSorted((a, b) => unitOrder(a.unit, b.unit)).flatMap((one) => one.commands);
  if (layers === undefined) return commands;
  if (place === undefined) return [];
  const into = target(place);
  return [
    ...commands,
    `(cd ${into} && xargs -0 -r rm -rf -- < ${fileOfRun(`${layers}/${DEAD_LIST}`)})`,
    `(cd ${into} && xargs -0 -r -n 2 touch -c -d < ${fileOfRun(`${layers}/${DIRECTORY_TIMES}`)})`,
  ];
}

/** Returns the rank of a group: outer trees first, and among those of one depth single archives before shards. */
function orderOf({ place, layers }: Group): number {
  const depth = place === undefined ? 0 : place.path.split("/").filter((name) => name !== "").length;
  return 2 * depth + (layers === undefined ? 0 : 1);
}

/**
 * No archive holds the attributes of the directories that it is unpacked into: a command for each, the deepest first.
 */
function attributes({ places }: Places): string {
  const made = places.filter(({ make }) => make === true).map((place) => `mkdir -p ${target(place)}`);
  const commands = places
    .toReversed()
    .map((place) => `as_it_was ${place.mode} ${place.uid}:${place.gid} @${place.mtime} ${target(place)}`);
  return `## Modes, owners and times

Of the directories that hold what was unpacked, and of SQLite files.

\`\`\`bash
as_it_was() { [ ! -e "$4" ] || { [ "$(id -u)" != 0 ] || chown "$2" "$4"; chmod "$1" "$4"; touch -d "$3" "$4"; }; }
${[...made, ...commands].join("\n")}
\`\`\``;
}

function outro(): string {
  return `## Afterwards

Start the site's services and try a few pages. Files keep their owners by number and, in tar archives, by name; \`chown\` them where the new
host has other users.`;
}
