/** Reads the option files of the MySQL and MariaDB clients, for a driver that does not read them. */
import { readdirSync, readFileSync, statSync } from "node:fs";
import { homedir } from "node:os";
import path from "node:path";

/** The usual files, in the order in which the clients read them: what is read later counts. */
export const usualFiles = (): string[] => ["/etc/my.cnf", "/etc/mysql/my.cnf", path.join(homedir(), ".my.cnf")];

const GROUPS = new Set(["client", "client-server", "client-mariadb"]);
const ESCAPES: Readonly<Record<string, string>> = { b: "\b", t: "\t", n: "\n", r: "\r", s: " " };
const MOST_DEPTH = 10;

/**
 * The options of the client's groups, by their names with `-` for `_`. As the clients do it, a file that everybody may
 * write to counts for nothing. https://mariadb.com/kb/en/configuring-mariadb-with-option-files/
 */
export function clientOptions(files: readonly string[] = usualFiles()): Map<string, string> {
  const options = new Map<string, string>();
  for (const file of files) readInto(options, file, 0);
  return options;
}

function readInto(options: Map<string, string>, file: string, depth: number): void {
  let isOurs = false;
  for (const line of linesOf(file)) {
    const [, included, isDirectory, where = ""] = /^(!include(dir)?)\s+(.+)$/.exec(line) ?? [];
    if (included !== undefined) {
      const place = path.resolve(path.dirname(file), where);
      const places = isDirectory === undefined ? [place] : filesIn(place);
      if (depth < MOST_DEPTH) for (const one of places) readInto(options, one, depth + 1);
      continue;
    }
    const [, group] = /^\[\s*([^\]]*?)\s*\]/.exec(line) ?? [];
    if (group !== undefined) isOurs = GROUPS.has(group);
    else if (isOurs && !/^[#;!]|^$/.test(line)) {
      const [, name = "", value = ""] = /^([^=]*?)\s*(?:=\s*(.*))?$/.exec(line) ?? [];
      options.set(name.replace(/^loose[-_]/, "").replaceAll("_", "-"), valueOf(value));
    }
  }
}

function valueOf(text: string): string {
  const quoted = /^(["'])((?:\\.|(?!\1).)*)\1/.exec(text)?.[2];
  return (quoted ?? text.replace(/\s*#.*$/, "")).replaceAll(/\\(.)/g, (all, one: string) =>
    one in ESCAPES ? (ESCAPES[one] ?? "") : /[\\"']/.test(one) ? one : all,
  );
}

function linesOf(file: string): string[] {
  try {
    const found = statSync(file);
    if (!found.isFile() || (found.mode & 0o002) !== 0) return [];
    return readFileSync(file, "utf8")
      .split(/\r?\n/)
      .map((line) => line.trim());
  } catch {
    return []; // not there, or not for us
  }
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter((name) => name.endsWith(".cnf"))
      .toSorted()
      .map((name) => path.join(directory, name));
  } catch {
    return [];
  }
}
