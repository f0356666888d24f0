/** Checks the programs that backups start, and those that the commands of RESTORE.md need. */
import { findProgram } from "../../database/access/programs.ts";
import { engineOfUrl } from "../../database/engines/registry.ts";
import type { DoctorFinding, Installation } from "./check.ts";

/** A program, and the Debian package that has it. */
type Tool = readonly [program: string, packageName: string];

const RESTORE_TOOLS: readonly Tool[] = [
  ["unzip", "unzip"],
  ["tar", "tar"],
  ["gzip", "gzip"],
  ["jq", "jq"],
  ["sha256sum", "coreutils"],
];
const SQLITE: Tool = ["sqlite3", "sqlite3"];
const GIT: Tool = ["git", "git"];
const ATTR: readonly Tool[] = [
  ["getfattr", "attr"],
  ["setfattr", "attr"],
];

export function checkTools({ config }: Installation): DoctorFinding {
  const isFile = (config.database ?? []).some(({ url }) => engineOfUrl(url).files !== undefined);
  const backup = config.infra?.repo === undefined ? [] : [GIT];
  const restore = [...RESTORE_TOOLS, ...(isFile ? [SQLITE] : [])];
  const found = [...backup, ...restore].map(([name]) => name).filter((name) => findProgram([name]) !== undefined);
  return {
    figure: found.join(", "),
    faults: problemsOf(backup, "backups of infra.repo need it"),
    warnings: problemsOf(restore, "the commands of RESTORE.md need it"),
    hint: installationOf([...backup, ...restore]),
  };
}

export function checkAttr(): DoctorFinding {
  const warnings = problemsOf(ATTR, "without it extended attributes and ACLs are not kept");
  return {
    figure: warnings.length === 0 ? "extended attributes and ACLs are kept" : "not kept",
    warnings,
    hint: installationOf(ATTR),
  };
}

const isMissing = ([name]: Tool): boolean => findProgram([name]) === undefined;

const problemsOf = (tools: readonly Tool[], message: string) =>
  tools.filter(isMissing).map(([name]) => ({ path: name, message: `is not installed; ${message}` }));

const installationOf = (tools: readonly Tool[]): string =>
  `apt-get install ${[...new Set(tools.filter(isMissing).map(([, name]) => name))].join(" ")}`;
