/** Checks a config as `config check` does: its form, its claims, and the paths and files that it names. */
import { existsSync } from "node:fs";
import path from "node:path";
import { examineConfig } from "../../config/load.ts";
import type { ConfigFault } from "../../config/text/fault.ts";
import { unreadablePaths } from "../site/readable-paths.ts";

export interface ConfigReport {
  readonly errors: readonly ConfigFault[];
  readonly warnings: readonly ConfigFault[];
}

/** Finds all faults of a config, in the order of its lines. Throws `E_CONFIG` if the file cannot be read. */
export function checkConfigFile(file: string, environment: NodeJS.ProcessEnv): ConfigReport {
  const { config, faults, lineOf } = examineConfig(file, environment);
  if (config === undefined) return { errors: inOrder(faults), warnings: [] };
  const { dest, warnings } = config;
  const missing = unreadablePaths(config).map((one) => ({
    key: one.key,
    line: lineOf(one.key),
    message: `${one.key}: ${one.path} ${one.message}`,
  }));
  const store =
    dest === undefined || existsSync(dest) || existsSync(path.dirname(dest))
      ? []
      : [{ key: "dest", line: lineOf("dest"), message: `dest: ${path.dirname(dest)} does not exist` }];
  return {
    errors: inOrder([...faults, ...missing, ...store]),
    warnings: inOrder(
      warnings.map((message) => {
        const [key = ""] = message.split(" ", 1);
        return { key, line: lineOf(key), message };
      }),
    ),
  };
}

const inOrder = (faults: readonly ConfigFault[]): ConfigFault[] => faults.toSorted((a, b) => a.line - b.line);
