/** `RESTORE.md`: how to bring a run back with standard tools alone, written for this very run. */
import path from "node:path";
import { shellQuote, shellQuoteBytes } from "../../report/shell.ts";
import { existsSync } from "node:fs";
import * as z from "zod";
import type { SiteConfig } from "../../config/load.ts";
import type { ManifestHead } from "../../model/run.ts";
import { STEP_NAMES, type StepName, type UnitMetadata } from "../../model/unit.ts";
import { DEAD_LIST, DIRECTORY_TIMES, groupLayers } from "./layers.ts";
import { isOutside, placeBytes, placesOf, type Place, type Places } from "./places.ts";
import { readStepMetadata } from "./step-index.ts";
import { unitOrder } from "./unit-name.ts";

const bundlesSchema = z.record(
  z.string(),
  z.object({ reserved: z.object({ multimedia: z.string(), original: z.string() }) }),
);

/** The guide for the run in `directory`, whose units are complete. */
export function restoreGuide(directory: string, head: ManifestHead, config: SiteConfig, places: Places): string {
  const has = (step: StepName): boolean => existsSync(path.join(directory, step));
  // What lies inside of a tree goes back after it.
  const steps = [...OUTER, ...STEP_NAMES.filter((step) => !OUTER.includes(step))].filter(has);
  const sections = steps.map((step) => section(directory, step));
  return `${[intro(head, config), ...sections, attributes(places), outro()].join("\n\n")}\n`;
}

function intro(head: ManifestHead, config: SiteConfig): string {
  return `# Restoring ${head.site} from run ${head.run}

This run was made on ${head.host} and ended ${head.finished_at} as **${head.status}**${head.scope === "full" ? "" : " (a selection of the site, not all of it)"}. Everything here is plain files:
\`sha256sum\`, \`unzip\`, \`tar\` and the database's own tools bring it back. \`failures.json\` names what could not be backed up.

The commands below are for bash and GNU tools, as root where owners matter. Start in this directory and set where the site shall be: it was at
${shellQuote(config.root)}. Trees that lay outside of it go back to where they were, or below \`OUTSIDE\` when that is set.

\`\`\`bash
set -o pipefail
RUN=$PWD
ROOT=${shellQuote(config.root)}
OUTSIDE=
UNZIP="unzip -qo -^ -K -V"
[ "$(id -u)" != 0 ] || UNZIP="$UNZIP -X"
sha256sum --quiet -c SHA256SUMS
\`\`\``;
}

const OUTER: readonly StepName[] = ["trees", "snapshots", "audio_cache"];

const TITLES: Readonly<Record<StepName, string>> = {
  source_exports: "Project sources",
  compiled_exports: "Compiled projects",
  legacy_zips: "Legacy content",
  audio_cache: "Audio cache",
  db: "Database",
  portable: "Portable data",
  snapshots: "Snapshots of whole trees",
  trees: "Trees",
  infra: "Configuration of the host",
};

const SHARDS =
  "Unpack the parts in the order of their numbers: a later one replaces files of an earlier one. Then remove what the site had deleted, and give the directories their times.";

const NOTES: Partial<Record<StepName, string>> = {
  db: "A dump goes into a new database of the same name; `PGHOST`, `PGUSER` and the like, or `~/.my.cnf`, say on which server and as whom.",
  portable:
    "The databases once more, as lines of JSON with natural keys: not needed where the dumps are restored. Each line of a file under `data/` is a row.",
  compiled_exports:
    "A bundle opens from disk as it is. To restore the site's own files, the originals in it replace the rewritten pages and what the bundle added goes.",
  audio_cache: SHARDS,
  trees: `A large tree is kept in parts. ${SHARDS}`,
  infra:
    "Secrets were left out of these files. Merge them with the host's own by hand; nothing here is copied over by a command.",
};

function section(directory: string, step: StepName): string {
  const { single, layered } = groupLayers([...readStepMetadata(directory, step)].map(slim));
  const groups = [
    ...single.map((unit) => ({ place: placesOf(unit)[0], commands: commandsFor(unit) })),
    ...[...layered].map(([layers, shards]) => layeredCommands(layers, shards)),
  ];
  const commands = groups.toSorted((a, b) => depthOf(a.place) - depthOf(b.place)).flatMap((group) => group.commands);
  const note = NOTES[step];
  const text = [
    `## ${TITLES[step]}`,
    ...(note === undefined ? [] : [note]),
    ...(commands.length === 0 ? [] : [`\`\`\`bash\n${commands.join("\n")}\n\`\`\``]),
  ];
  return text.join("\n\n");
}

const depthOf = (place: Place | undefined): number =>
  place === undefined ? 0 : place.path.split("/").filter((name) => name !== "").length;

/** Without what no command needs: the media of compiled bundles are many. */
const slim = (metadata: UnitMetadata): UnitMetadata =>
  metadata.step === "compiled_exports"
    ? { ...metadata, bundles: bundlesSchema.safeParse(metadata["bundles"]).data ?? {}, text_types: {} }
    : metadata;

function layeredCommands(layers: string, shards: readonly UnitMetadata[]) {
  const [place] = shards.flatMap(placesOf);
  if (place === undefined) return { place, commands: [] };
  const into = target(place);
  const sorted = shards.toSorted((a, b) => unitOrder(a.unit, b.unit));
  const list = (name: string): string => `"$RUN"/${shellQuote(`${layers}/${name}`)}`;
  return {
    place,
    commands: [
      ...sorted.flatMap(commandsFor),
      `(cd ${into} && xargs -0 -r rm -rf -- < ${list(DEAD_LIST)})`,
      `(cd ${into} && xargs -0 -r -n 2 touch -c -d < ${list(DIRECTORY_TIMES)})`,
    ],
  };
}

function commandsFor(metadata: UnitMetadata): string[] {
  const places = placesOf(metadata);
  const [artifact] = metadata.artifacts;
  if (artifact === undefined) return [];
  if (metadata.step === "db") return databaseCommands(metadata, artifact.path, places);
  if (metadata.step === "infra") return [];
  if (metadata.step === "portable") return portableCommands(metadata.unit, artifact.path);
  if (metadata.step === "compiled_exports") return compiledCommands(metadata, places);
  if (metadata.unit === "orm_db") {
    return places.map(
      (place) => `install -D -m 600 "$RUN"/audio_cache/orm_db/${shellQuote(place.prefix)} ${target(place)}`,
    );
  }
  const archive = `"$RUN"/${shellQuote(artifact.path)}`;
  const [place] = places;
  if (metadata.step === "trees" && place?.prefix !== undefined && place.prefix !== "")
    return [`mkdir -p ${directoryOf(place)} && tar -xzpf ${archive} -C ${directoryOf(place)}`];
  if (metadata.step === "snapshots") return snapshotCommands(archive, places);
  if (place === undefined)
    return [
      `# ${shellQuote(metadata.unit)}: made by the site's own export command; unpack ${archive} where its import wants it`,
    ];
  const unpack =
    artifact.media_type === "application/zip"
      ? `$UNZIP ${archive} -d ${target(place)}`
      : `tar -xzpf ${archive} -C ${target(place)}`;
  return [`mkdir -p ${target(place)} && ${unpack}`];
}

/** Bundle by bundle: unpack aside, put the originals back, remove what the bundle added, copy each tree to its place. */
function compiledCommands(metadata: UnitMetadata, places: readonly Place[]): string[] {
  const bundles = bundlesSchema.safeParse(metadata["bundles"]).data ?? {};
  return metadata.artifacts.flatMap(({ path: file }) => {
    const name = path.basename(file);
    const reserved = bundles[name.replace(/\.zip$/, "")]?.reserved;
    const original = reserved === undefined ? undefined : shellQuote(reserved.original);
    const own = places.filter((place) => place.artifact === undefined || place.artifact === name);
    return [
      `T=$(mktemp -d) && $UNZIP "$RUN"/${shellQuote(file)} -d "$T"`,
      ...(reserved === undefined || original === undefined
        ? []
        : [
            `if [ -d "$T"/${original} ]; then (cd "$T"/${original} && find . -type f -exec cp -pf {} ../{} \\;); fi; rm -rf "$T"/${original} "$T"/${shellQuote(reserved.multimedia)}`,
          ]),
      ...own.map(
        (place) =>
          `mkdir -p ${target(place)} && cp -a "$T"/${place.prefix === "" ? "" : `${shellQuote(place.prefix)}/`}. ${target(place)}`,
      ),
      `rm -rf "$T"`,
    ];
  });
}

/** Trees of the site and trees that lay outside of it lie in one archive, under the names that they have below the root and below `/`. */
function snapshotCommands(archive: string, places: readonly Place[]): string[] {
  const unpack = (into: string, members: readonly Place[]): string[] => {
    if (members.length === 0) return [];
    // tar takes what lies below a member with it, and then says that it cannot find a second one there.
    const outer = members.filter(({ prefix }) => !members.some((other) => prefix.startsWith(`${other.prefix}/`)));
    const names = outer.some(({ prefix }) => prefix === "")
      ? ""
      : ` -- ${outer.map((one) => shellQuote(one.prefix)).join(" ")}`;
    return [`mkdir -p ${into} && tar -xzpf ${archive} -C ${into}${names}`];
  };
  return [
    ...unpack(
      `"$ROOT"`,
      places.filter((place) => !isOutside(place)),
    ),
    ...unpack(`"$OUTSIDE"/`, places.filter(isOutside)),
  ];
}

/** Data that are in the dump as well: for a database of another engine or schema. */
function portableCommands(unit: string, artifact: string): string[] {
  const directory = shellQuote(`${unit}-portable`);
  return [
    `mkdir ${directory} && unzip -q "$RUN"/${shellQuote(artifact)} -d ${directory}`,
    `# npx tsx scripts/portable.ts import ${directory} --database URL`,
  ];
}

function databaseCommands(metadata: UnitMetadata, artifact: string, places: readonly Place[]): string[] {
  const file = `"$RUN"/${shellQuote(artifact)}`;
  const database = typeof metadata["database"] === "string" ? metadata["database"] : metadata.unit;
  const name = shellQuote(database);
  if (artifact.endsWith(".dump")) {
    return postgresCommands(metadata, name, file);
  }
  if (artifact.endsWith(".sql.gz")) {
    return [
      `mariadb -e ${shellQuote(`create database \`${database.replaceAll("`", "``")}\``)}`,
      `gunzip -c ${file} | mariadb ${name}`,
    ];
  }
  return places.map((place) => `install -D -m 600 ${file} ${target(place)}`);
}

const postgresSchema = z.object({ encoding: z.string().optional(), search_path: z.array(z.string()).default([]) });

/** pg_restore alone searches no schema; functions and queries in texts may need those that the backup's session searched. */
function postgresCommands(metadata: UnitMetadata, name: string, file: string): string[] {
  const { encoding = "UTF8", search_path } = postgresSchema.parse(metadata);
  const create =
    encoding === "UTF8" ? `createdb ${name}` : `createdb -T template0 -E ${shellQuote(encoding)} --locale=C ${name}`;
  if (search_path.length === 0) return [create, `pg_restore --exit-on-error --no-owner -d ${name} ${file}`];
  const schemas = search_path.map((schema) => `"${schema.replaceAll('"', '""')}"`).join(", ");
  const escaped = schemas.replaceAll(/[\\/&]/g, "\\$&");
  const edit = `1,40s/^SELECT pg_catalog.set_config(.search_path.*$/SET search_path = ${escaped};/`;
  const quoted = edit.includes("'") ? shellQuote(edit) : `'${edit}'`;
  return [
    create,
    `pg_restore --no-owner -f - ${file} | sed ${quoted} | psql -X -q -o /dev/null -v ON_ERROR_STOP=1 -d ${name}`,
  ];
}

/** No archive holds the attributes of the directories that it is unpacked into: a command for each, the deepest first. */
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

/** The directory that a place lies in. */
const directoryOf = (place: Place): string => {
  const bytes = placeBytes(place);
  const slash = bytes.lastIndexOf("/");
  const parent = bytes.subarray(0, Math.max(0, slash));
  return slash === 0 ? `"$OUTSIDE"/` : target({ path: parent.toString("utf8"), path_b64: parent.toString("base64") });
};

/** Where a tree goes: under the root, or, if it lay outside, where it was. */
function target(place: Pick<Place, "path" | "path_b64">): string {
  if (place.path === "") return `"$ROOT"`;
  const text = place.path_b64 === undefined ? shellQuote(place.path) : shellQuoteBytes(placeBytes(place));
  return isOutside(place) ? `"$OUTSIDE"${text}` : `"$ROOT"/${text}`;
}

function outro(): string {
  return `## Afterwards

Start the site's services and try a few pages. Files keep their owners by number and, in tar archives, by name; \`chown\` them where the new
host has other users.`;
}
