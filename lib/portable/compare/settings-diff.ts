/** Compares the settings that an export records with those here, and says what each difference means. */
import { isDeepStrictEqual } from "node:util";
import picomatch from "picomatch";
import { byName } from "../schema/graph.ts";
import type { CapturedSettings, Setting } from "../format/settings.ts";

export type Severity = "critical" | "warning" | "info";

/** Globs of names, in which `*` stands for dots and slashes too; capitals do not matter. A name means what is under it as well. */
export interface SettingRules {
  readonly critical: readonly string[];
  readonly warning: readonly string[];
}

export interface SettingDifference {
  readonly name: string;
  readonly change: "changed" | "missing here" | "missing there";
  readonly severity: Severity;
  /** What it may lead to, in words. */
  readonly impact: string;
  /** In the export. */
  readonly there: Setting | null;
  readonly here: Setting | null;
}

export interface SettingsComparison {
  readonly counts: Readonly<Record<Severity, number>>;
  /** The gravest first, then by name. */
  readonly differences: readonly SettingDifference[];
}

const ORDER: readonly Severity[] = ["critical", "warning", "info"];

/** Of a secret only whether it is there can be compared. Values that differ in their type alone, as `1` and `"1"`, are the same. */
export function compareSettings(
  there: CapturedSettings,
  here: CapturedSettings,
  rules: SettingRules,
): SettingsComparison {
  const severityOf = judge(rules);
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

function judge({ critical, warning }: SettingRules): (name: string, secretIsMissing: boolean) => Severity {
  const [isCritical, isWarning] = [matcher(critical), matcher(warning)];
  return (name, secretIsMissing) =>
    isCritical(name) ? "critical" : isWarning(name) || secretIsMissing ? "warning" : "info";
}

/** Whether a name, or one that stands above it, fits one of the globs: `STORAGES` means all that is in it. */
export function matcher(globs: readonly string[]): (name: string) => boolean {
  if (globs.length === 0) return () => false;
  const fits = picomatch([...globs], { bash: true, dot: true, nocase: true });
  return (name) => fits(name) || [...name.matchAll(/\./g)].some(({ index }) => fits(name.slice(0, index)));
}

/** What a setting is for tells what becomes of a difference; the first that fits. */
const IMPACTS: readonly (readonly [fits: (name: string) => boolean, impact: string])[] = [
  [
    matcher(["*ENGINE", "*.scheme", "DB_CONNECTION", "DB_DIALECT"]),
    "another database engine: comparisons, collations and SQL written for one of them may go wrong",
  ],
  [
    matcher(["*ROOT", "*STORAGE*", "*UPLOAD*", "FILESYSTEM_*"]),
    "files that rows name are looked for in another place: move them there, or they are missing",
  ],
  [
    matcher(["*AUTHENTICATION_BACKENDS*", "*AUTH_BACKEND*", "PASSWORD_HASHERS*"]),
    "users may not be able to sign in, or others may",
  ],
  [matcher(["AUTH_USER_MODEL"]), "accounts are read from another table"],
  [matcher(["INSTALLED_APPS*"]), "tables of an application may be missing, or have nobody who uses them"],
  [matcher(["TIME_ZONE", "USE_TZ", "TZ"]), "times without a zone mean another moment"],
];

function impactOf(name: string, change: SettingDifference["change"], secret: boolean): string {
  if (secret)
    return change === "missing here"
      ? "what was signed or encrypted with it (sessions, links, stored values) cannot be read here"
      : "here there is one, where the export's application had none: what it signs and encrypts is new";
  const [, impact] = IMPACTS.find(([fits]) => fits(name)) ?? [];
  if (impact !== undefined) return impact;
  return {
    changed: "the application may behave otherwise here",
    "missing here": "the application takes its own default here",
    "missing there": "the export's application did not know it, or took its default",
  }[change];
}
