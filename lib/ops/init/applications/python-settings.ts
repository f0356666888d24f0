/** Reads Django's settings, as far as they are literals, paths or variables of the environment file. */
import path from "node:path";
import type { EnvFile } from "../sources/env-file.ts";
import { readText } from "../sources/files.ts";
import { bracketed, pythonString, withoutComments } from "../sources/source-text.ts";

/** A string, and the variable that it came from. */
interface Value {
  readonly text: string;
  readonly variable?: string;
}

const FROM_ENVIRONMENT =
  /^(?:os\.environ\.get|os\.getenv|os\.environ|env(?:\.\w+)?|config|getenv)\s*[([]\s*["'](\w+)["']\s*(?:,\s*(?:default\s*=\s*)?([\s\S]+?))?\s*[)\]]$/;

export class PythonSettings {
  /** The settings module, and the modules that it star-imports; the first definition wins. */
  readonly files: readonly string[];
  readonly #env: EnvFile;
  readonly #sources: readonly string[];
  readonly #base: string;

  constructor(file: string, env: EnvFile) {
    this.#env = env;
    this.files = withImports(file);
    this.#sources = this.files.map((one) => withoutComments(readText(one) ?? "", "python"));
    this.#base = this.#baseDirectory();
  }

  has(name: string): boolean {
    return this.expression(name) !== undefined;
  }

  /** Returns the dictionary of a setting, without its braces; undefined if the setting is not a dictionary. */
  dictionary(name: string): string | undefined {
    for (const source of this.#sources) {
      const found = new RegExp(String.raw`^${name}\b[^=\n]*=\s*(?=\{)`, "m").exec(source);
      if (found !== null) return bracketed(source, found.index + found[0].length);
    }
    return undefined;
  }

  /** Returns the expression of a setting, up to the end of its line or bracket. */
  expression(name: string): string | undefined {
    for (const source of this.#sources) {
      const found = new RegExp(String.raw`^${name}\b[^=\n]*=[ \t]*`, "m").exec(source);
      if (found === null) continue;
      const rest = source.slice(found.index + found[0].length);
      const [line = ""] = rest.split("\n");
      return line.trim();
    }
    return undefined;
  }

  /** Returns the value of a setting that is a path; undefined if it is computed. */
  path(name: string): string | undefined {
    return this.pathOf(this.expression(name) ?? "");
  }

  /** Evaluates a string or a variable of the environment file, with its default. */
  valueOf(expression: string): Value | undefined {
    const text = pythonString(expression);
    if (text !== undefined) return { text };
    if (/^\d+$/.test(expression.trim())) return { text: expression.trim() };
    const [, variable, fallback] = FROM_ENVIRONMENT.exec(expression.trim()) ?? [];
    if (variable === undefined) return undefined;
    const given = this.#env.get(variable);
    if (given !== undefined) return { text: given, variable };
    return fallback === undefined ? undefined : this.valueOf(fallback);
  }

  /** Evaluates a path below BASE_DIR, as pathlib, os.path or formatting write it. */
  pathOf(expression: string): string | undefined {
    const plain = this.valueOf(expression)?.text;
    if (plain !== undefined) return plain === "" ? "" : path.resolve(this.#base, plain);
    const inner = /^(?:str|Path|os\.fspath)\(([\s\S]+)\)$/.exec(expression.trim())?.[1] ?? expression.trim();
    const joined = /^os\.path\.join\(\s*(?:str\()?(?:BASE_DIR|PROJECT_ROOT|ROOT_DIR)\)?\s*,([\s\S]+)\)$/.exec(
      inner,
    )?.[1];
    const divided = /^(?:BASE_DIR|PROJECT_ROOT|ROOT_DIR)\s*\/([\s\S]+)$/.exec(inner)?.[1];
    const called = /^(?:BASE_DIR|PROJECT_ROOT|ROOT_DIR)\.joinpath\(([\s\S]+)\)$/.exec(inner)?.[1];
    const parts = joined?.split(",") ?? divided?.split("/") ?? called?.split(",");
    const names = parts?.filter((part) => part.trim() !== "").map((part) => this.valueOf(part)?.text);
    return names === undefined || names.includes(undefined)
      ? undefined
      : path.resolve(this.#base, ...names.filter((name) => name !== undefined));
  }

  #baseDirectory(): string {
    for (const [index, source] of this.#sources.entries()) {
      const [, text] = /^(?:BASE_DIR|PROJECT_ROOT|ROOT_DIR)\b[^=\n]*=(.*)$/m.exec(source) ?? [];
      const file = this.files[index] ?? "";
      if (text === undefined) continue;
      const numbered = /\.parents\[(\d+)\]/.exec(text)?.[1];
      const levels = numbered === undefined ? (text.match(/\.parent\b|dirname\(/g) ?? []).length : Number(numbered) + 1;
      return path.resolve(file, ...Array.from({ length: levels }, () => ".."));
    }
    return path.resolve(this.files[0] ?? "", "../..");
  }
}

/** Returns the module, then its imports by `from .base import *`, to the usual depth of projects. */
function withImports(file: string, depth = 3): string[] {
  const source = withoutComments(readText(file) ?? "", "python");
  const imported = [...source.matchAll(/^from\s+(?:\.|[\w.]+\.)(\w+)\s+import\s+\*/gm)]
    .map(([, name]) => path.join(path.dirname(file), `${name}.py`))
    .filter((one) => one !== file && readText(one) !== undefined)
    .toReversed();
  const deeper = depth === 0 ? [] : imported.flatMap((one) => withImports(one, depth - 1));
  return [...new Set([file, ...deeper])];
}
