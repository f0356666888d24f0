/** Finds faults of a config that need no schema: its YAML, and its variables. */
import { isAlias, isMap, visit, type Document, type LineCounter } from "yaml";
import { asHoldfastError } from "../../errors.ts";
import type { ConfigFault } from "./fault.ts";
import { fillVariables } from "./variables.ts";

/** Finds the first fault of the YAML, aliases among them. */
export function syntaxFaults(document: Document.Parsed, lines: LineCounter): ConfigFault[] {
  const [fault] = document.errors;
  if (fault !== undefined) {
    const message = (fault.message.split("\n")[0] ?? "not YAML").replace(/ at line \d+, column \d+:$/, "");
    return [{ key: "", line: lines.linePos(fault.pos[0]).line, message }];
  }
  const aliases: ConfigFault[] = [];
  visit(document, (_key, node) => {
    if (!isAlias(node)) return;
    const line = lines.linePos(node.range?.[0] ?? 0).line;
    aliases.push({ key: "", line, message: "aliases are not supported; write the value out" });
  });
  if (aliases.length > 0) return aliases;
  return isMap(document.contents) ? [] : [{ key: "", line: 1, message: "is empty or not a mapping of keys" }];
}

/** Finds the values with variables that are not set. */
export function variableFaults(
  document: Document.Parsed,
  lines: LineCounter,
  environment: NodeJS.ProcessEnv,
): ConfigFault[] {
  const faults: ConfigFault[] = [];
  visit(document, {
    Scalar(position, node) {
      if (position === "key") return;
      try {
        fillVariables(node.value, environment);
      } catch (error) {
        const { message, hint } = asHoldfastError(error);
        faults.push({ key: "", line: lines.linePos(node.range?.[0] ?? 0).line, message, hint });
      }
    },
  });
  return faults;
}
