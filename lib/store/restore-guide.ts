/** `RESTORE.md`: how to bring a run back with standard tools alone, written for this very run. */
import path from "node:path";
import type { SiteConfig } from "../config/load.ts";
import type { ManifestHead } from "../model/run.ts";
import type { UnitMetadata } from "../model/unit.ts";
import { STEP_NAMES, type StepName } from "../model/unit.ts";
import { existsSync } from "node:fs";
import { z } from "zod";
import { readStepMetadata } from "./step-index.ts";

const placeSchema = z.object({ path: z.string(), path_b64: z.string().optional(), prefix: z.string(), artifact: z.string().optional() });
type Place = z.infer<typeof placeSchema>;
const bundlesSchema = z.record(z.string(), z.object({ reserved: z.object({ multimedia: z.string(), original: z.string() }) }));

/** The guide for the run in `directory`, whose units are complete. */
export function restoreGuide(directory: string, head: ManifestHead, config: SiteConfig): string {
  const has = (step: StepName): boolean => existsSync(path.join(directory, step));
  const sections = STEP_NAMES.filter(has).map((step) => section(directory, step, config));
  return `${[intro(head, config), ...sections.filter((text) => text !== ""), outro()].join("\n\n")}\n`;
}

function intro(head: ManifestHead, config: SiteConfig): string {
  return `# Restoring ${head.site} from run ${head.run}

This run was made on ${head.host} and ended ${head.finished_at} as **${head.status}**${head.scope === "full" ? "" : " (a selection of the site, not all of it)"}. Everything here is plain files:
\`sha256sum\`, \`unzip\`, \`tar\` and the database's own tools bring it back. \`failures.json\` names what could not be backed up.

The commands below are for a POSIX shell with GNU tools and bash's quoting, as root where owners matter. Start in this directory and set
where the site shall be; it was at ${quote(config.root)}.

\`\`\`bash
RUN=$PWD
ROOT=${quote(config.root)}
sha256sum --quiet -c SHA256SUMS
\`\`\``;
}

const TITLES: Readonly<Record<StepName, string>> = {
  source_exports: "Project sources",
  compiled_exports: "Compiled projects",
  legacy_zips: "Legacy content",
  audio_cache: "Audio cache",
  db: "Database",
  portable: "Portable data",
  snapshots: "Snapshots of whole trees",
  infra: "Configuration of the host",
};

const NOTES: Partial<Record<StepName, string>> = {
  compiled_exports:
    "A bundle opens from disk as it is. To restore the site's own files, the originals in it replace the rewritten pages and what the bundle added goes.",
  audio_cache: "Unpack the parts in the order of their numbers: a later one replaces files of an earlier one. Then remove what the site had deleted.",
  infra: "Secrets were left out of these files. Merge them with the host's own by hand; nothing here is copied over by a command.",
};

function section(directory: string, step: StepName, config: SiteConfig): string {
  const commands: string[] = [];
  for (const metadata of readStepMetadata(directory, step)) commands.push(...commandsFor(metadata, config));
  if (step === "audio_cache" && existsSync(path.join(directory, "audio_cache/archives/deleted.list"))) {
    const place = quote(config.audio_cache?.path ?? "");
    commands.push(`(cd "$ROOT"/${place} && xargs -0 -r rm -rf -- < "$RUN"/audio_cache/archives/deleted.list)`);
  }
  const note = NOTES[step];
  const text = [`## ${TITLES[step]}`, ...(note === undefined ? [] : [note]), ...(commands.length === 0 ? [] : [`\`\`\`bash\n${commands.join("\n")}\n\`\`\``])];
  return text.join("\n\n");
}

function commandsFor(metadata: UnitMetadata, config: SiteConfig): string[] {
  const places = z.array(placeSchema).safeParse(metadata["trees"]).data ?? [];
  const [artifact] = metadata.artifacts;
  if (artifact === undefined) return [];
  if (metadata.step === "db") return databaseCommands(metadata, artifact.path, config);
  if (metadata.step === "infra") return [];
  if (metadata.step === "compiled_exports") return compiledCommands(metadata, places);
  if (metadata.unit === "orm_db") {
    return places.map((place) => `install -D -m 644 "$RUN"/audio_cache/orm_db/${quote(place.prefix)} ${target(place)}`);
  }
  const archive = `"$RUN"/${quote(artifact.path)}`;
  if (metadata.step === "snapshots") return [`mkdir -p "$ROOT" && tar -xzpf ${archive} -C "$ROOT"`];
  const [place] = places;
  if (place === undefined) return [`# ${metadata.unit}: made by the site's own export command; unpack ${archive} where its import wants it`];
  const unpack = artifact.media_type === "application/zip" ? `unzip -qo ${archive} -d ${target(place)}` : `tar -xzpf ${archive} -C ${target(place)}`;
  return [`mkdir -p ${target(place)} && ${unpack}`];
}

/** Bundle by bundle: unpack aside, put the originals back, remove what the bundle added, copy each tree to its place. */
function compiledCommands(metadata: UnitMetadata, places: readonly Place[]): string[] {
  const bundles = bundlesSchema.safeParse(metadata["bundles"]).data ?? {};
  return metadata.artifacts.flatMap(({ path: file }) => {
    const name = path.basename(file);
    const reserved = bundles[name.replace(/\.zip$/, "")]?.reserved;
    const original = reserved === undefined ? undefined : quote(reserved.original);
    const own = places.filter((place) => place.artifact === undefined || place.artifact === name);
    return [
      `T=$(mktemp -d) && unzip -qo "$RUN"/${quote(file)} -d "$T"`,
      ...(reserved === undefined || original === undefined
        ? []
        : [`if [ -d "$T"/${original} ]; then cp -a "$T"/${original}/. "$T"/; fi; rm -rf "$T"/${original} "$T"/${quote(reserved.multimedia)}`]),
      ...own.map((place) => `mkdir -p ${target(place)} && cp -a "$T"/${place.prefix === "" ? "" : `${quote(place.prefix)}/`}. ${target(place)}`),
      `rm -rf "$T"`,
    ];
  });
}

function databaseCommands(metadata: UnitMetadata, artifact: string, config: SiteConfig): string[] {
  const file = `"$RUN"/${quote(artifact)}`;
  if (artifact.endsWith(".dump")) {
    return [`createdb ${quote(metadata.unit)}`, `pg_restore --exit-on-error --no-owner -d ${quote(metadata.unit)} ${file}`];
  }
  if (artifact.endsWith(".sql.gz")) {
    const name = quote(metadata.unit);
    return [`mariadb -e ${quote(`create database \`${metadata.unit}\``)}`, `gunzip -c ${file} | mariadb ${name}`];
  }
  const url = (config.database ?? []).find((database) => (database.name ?? database.url).endsWith(metadata.unit))?.url ?? "";
  const place = path.relative(config.root, path.resolve(config.root, url.replace(/^sqlite:\/\/\//, "")));
  return [`install -D -m 644 ${file} "$ROOT"/${quote(place === "" ? metadata.unit : place)}`];
}

/** Where a tree goes: under the root, or, if it lay outside, where it was. */
function target(place: Place): string {
  const text = place.path_b64 === undefined ? quote(place.path) : quoteBytes(Buffer.from(place.path_b64, "base64"));
  return place.path.startsWith("/") ? text : `"$ROOT"/${text}`;
}

/** A word for the shell; bash's `$'…'` where it holds anything but the plainest characters. */
function quote(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : quoteBytes(Buffer.from(text, "utf8"));
}

function quoteBytes(bytes: Buffer): string {
  const inner = Array.from(bytes, (byte) => {
    const character = String.fromCharCode(byte);
    return /[\w @%+=:,./~()-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, "0")}`;
  });
  return `$'${inner.join("")}'`;
}

function outro(): string {
  return `## Afterwards

Start the site's services and try a few pages. Files keep their owners by number and, in tar archives, by name; \`chown\` them where the new
host has other users.`;
}
