/** Compares the settings of an export with those here, and describes the impact of each difference. */
import { isDeepStrictEqual } from "node:util";
import picomatch from "picomatch";
import { byName } from "../schema/graph.ts";
import type { CapturedSettings, Setting } from "../format/settings.ts";

export type Severity = "critical" | "warning" | "info";

/**
 * Globs of setting names, in which `*` also matches dots and slashes; case does not matter. A name also covers what is
 * nested under it.
 */
export interface SettingRules {
  readonly critical: readonly string[];
  readonly warning: readonly string[];
}

export interface SettingDifference {
  readonly name: string;
  readonly change: "changed" | "missing here" | "missing there";
  readonly severity: Severity;
  /** The possible consequence, in words. */
  readonly impact: string;
  /** The setting in the export. */
  readonly there: Setting | null;
  readonly here: Setting | null;
}

export interface SettingsComparison {
  readonly counts: Readonly<Record<Severity, number>>;
  /** Ordered by severity, then by name. */
  readonly differences: readonly SettingDifference[];
}

const ORDER: readonly Severity[] = ["critical", "warning", "info"];

/**
 * Compares settings. A secret is compared by presence alone. Values that differ in type only, as `1` and `"1"`, are
 * equal.
 */
export function compareSettings(
  there: CapturedSettings,
  here: CapturedSettings,
  rules: SettingRules,
): SettingsComparison {
  const severityOf = severityRule(rules);
  const names = [...new Set([...Object.keys(there.settings), ...Object.keys(here.settings)])];
  const differences = names.flatMap((name): SettingDifference[] => {
    const [theirs, ours] = [there.settings[name] ?? null, here.settings[name] ?? null];
    const change = changeOf(theirs, ours);
    if (change === undefined) return [];
    const secret = isSecret(theirs) || isSecret(ours);
    const severity = severityOf(name, secret && change === "missing here");
    return [{ name, change, severity, impact: impactOf(name, change, secret), there: theirs, here: ours }];
  });
  const count = (severity: Severity): number => differences.filter((one) => one.severity === severity).length;
  return {
    counts: { critical: count("critical"), warning: count("warning"), info: count("info") },
    differences: differences.toSorted(
      (a, b) => ORDER.indexOf(a.severity) - ORDER.indexOf(b.severity) || byName(a.name, b.name),
    ),
  };
}

const isSecret = (setting: Setting | null): boolean => setting?.present !== undefined;

function changeOf(there: Setting | null, here: Setting | null): SettingDifference["change"] | undefined {
  if (isSecret(there) || isSecret(here)) {
    const [theirs, ours] = [isFilled(there), isFilled(here)];
    if (theirs === ours) return undefined;
    return theirs ? "missing here" : "missing there";
  }
  if (there === null) return "missing there";
  if (here === null) return "missing here";
  return isDeepStrictEqual(plain(there.value), plain(here.value)) ? undefined : "changed";
}

const isFilled = (setting: Setting | null): boolean =>
  setting !== null && (setting.present ?? (setting.value !== null && setting.value !== ""));

const plain = (value: Setting["value"]): unknown =>
  typeof value === "number" || typeof value === "boolean" ? String(value) : value;

function severityRule({ critical, warning }: SettingRules): (name: string, secretIsMissing: boolean) => Severity {
  const [isCritical, isWarning] = [matcher(critical), matcher(warning)];
  return (name, secretIsMissing) =>
    isCritical(name) ? "critical" : isWarning(name) || secretIsMissing ? "warning" : "info";
}

/**
 * Returns a function that checks whether a name, or a parent of it, matches a glob: `STORAGES` covers all that is
 * nested in it.
 */
export function matcher(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  const matches = picomatch([...globs], { bash: true, dot: true, nocase: true });
  return (name) => matches(name) || [...name.matchAll(/\./g)].some(({ index }) => matches(name.slice(0, index)));
}

/** Impacts of differences by setting name; the first match applies. */
const IMPACTS: readonly (readonly [matches: (name: string) => boolean, impact: string])[] = [
  [
    matcher(["*ENGINE", "*.scheme", "DB_CONNECTION", "DB_DIALECT"]),
    "another database engine: comparisons, collations and engine-specific SQL may behave differently",
  ],
  [
    matcher(["*ROOT", "*STORAGE*", "*UPLOAD*", "FILESYSTEM_*"]),
    "files referenced by rows are expected elsewhere: move them there, or they are missing",
  ],
  [
    matcher(["*AUTHENTICATION_BACKENDS*", "*AUTH_BACKEND*", "PASSWORD_HASHERS*"]),
    "users may be unable to sign in, or other users may be able to",
  ],
  [matcher(["AUTH_USER_MODEL"]), "accounts are read from another table"],
  [matcher(["INSTALLED_APPS*"]), "tables of an application may be missing or unused"],
  [matcher(["TIME_ZONE", "USE_TZ", "TZ"]), "times without a zone mean another point in time"],
];

function impactOf(name: string, change: SettingDifference["change"], secret: boolean): string {
  if (secret)
    return change === "missing here"
      ? "data signed or encrypted with it (sessions, links, stored values) cannot be read here"
      : "it is set here but was not for the export's application: only new data is signed or encrypted with it";
  const [, impact] = IMPACTS.find(([matches]) => matches(name)) ?? [];
  if (impact !== undefined) return impact;
  return {
    changed: "the application may behave differently here",
    "missing here": "the application uses its default here",
    "missing there": "the export's application did not know it, or used its default",
  }[change];
}
