/** The systemd units of a site: the templates of config/systemd, and what is particular to one site. */
import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { PACKAGE_ROOT } from "../../exec/build-output.ts";

/** A site whose commands are started by systemd. */
export interface ServedSite {
  readonly site: string;
  /** Absolute paths. */
  readonly config: string;
  readonly store: string;
  /** The directory of the metrics, if the config has one. */
  readonly metrics: string | undefined;
}

/** A file below the directory of units. */
export interface UnitFile {
  readonly name: string;
  readonly text: string;
}

const TEMPLATES = path.join(PACKAGE_ROOT, "config/systemd");
/** Paths that the templates assume. */
const ASSUMED = { node: "/usr/bin/node", home: "/opt/holdfast/" };
export const DROP_IN = "holdfast.conf";

/** Returns the names of the jobs, as `backup`. */
export const jobs = (): string[] =>
  readdirSync(TEMPLATES)
    .flatMap((name) => /^holdfast-(\w+)@\.service$/.exec(name)?.[1] ?? [])
    .toSorted();

export const serviceOf = (job: string, site: string): string => `holdfast-${job}@${site}.service`;
export const timerOf = (job: string, site: string): string => `holdfast-${job}@${site}.timer`;
export const dropInOf = (job: string, site: string): string => `${serviceOf(job, site)}.d/${DROP_IN}`;

/** Returns the templates with the paths of this installation. */
export const templates = (): UnitFile[] =>
  readdirSync(TEMPLATES)
    .toSorted()
    .map((name) => ({ name, text: here(readFileSync(path.join(TEMPLATES, name), "utf8")) }));

const here = (text: string): string =>
  text.replaceAll(ASSUMED.node, process.execPath).replaceAll(ASSUMED.home, `${PACKAGE_ROOT}/`);

/** Returns the drop-ins with the paths of the site: each service may write to its store and the metrics alone. */
export const dropIns = ({ site, config, store, metrics }: ServedSite): UnitFile[] =>
  jobs().map((job) => ({
    name: dropInOf(job, site),
    text: `# Written by install_systemd for ${site}; changes are lost when it runs again. Use another file beside it.
[Unit]
RequiresMountsFor=${quoted(store)}

[Service]
Environment=${quoted(`HOLDFAST_CONFIG=${config}`)}
ReadWritePaths=
ReadWritePaths=${quoted(store)}
${metrics === undefined ? "" : `ReadWritePaths=${quoted(`-${metrics}`)}\n`}`,
  }));

/** Quotes a word of a unit file (systemd.syntax(7)); `%` begins a specifier. */
const quoted = (word: string): string =>
  `"${word
    .replaceAll("%", "%%")
    .replaceAll(/["\\]/g, String.raw`\$&`)
    .replaceAll("\n", String.raw`\n`)}"`;
