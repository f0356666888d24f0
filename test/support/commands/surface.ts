/** Reduces what users and other programs see to the names that must not change: flags, and the keys of JSON documents. */

/** Lists the options of a `--help` text, each with its type, choices and default, but without its description. */
export function flagsOf(help: string): string[] {
  const [, options = ""] = help.split(/^Options:$/m);
  return options
    .split(/\n(?= {2,6}-)/)
    .filter((entry) => entry.includes("--"))
    .map((entry) => {
      const [, short, name = ""] = /^\s*(?:-(\w), )?--([\w-]+)/.exec(entry) ?? [];
      const facts = entry
        .replaceAll(/\s+/g, " ")
        .match(/\[(?:boolean|string|number|array|choices: [^\]]*|default: (?:\[\]|[^\]]*))\]/g);
      return [`--${name}`, ...(short === undefined ? [] : [`(-${short})`]), ...(facts ?? [])].join(" ");
    })
    .toSorted();
}

/** Lists the verbs of a `--help` text. */
export function verbsOf(help: string): string[] {
  const [, commands = ""] = /^Commands:\n(.*?)\n\n/ms.exec(help) ?? [];
  return [...commands.matchAll(/^ {2}(?:[\w-]+ )+?([\w-]+)(?: {2,}|$)/gm)].map(([, verb = ""]) => verb);
}

/** Lists the path of each key in some JSON values, with the types of its values: `.units[].size_bytes number`. */
export function keysOf(values: readonly unknown[]): string[] {
  const types = new Map<string, Set<string>>();
  for (const value of values) addKeys(types, "", value);
  return [...types].map(([path, found]) => `${path || "."} ${[...found].toSorted().join("|")}`).toSorted();
}

/** Objects whose keys are data of the site: names of tables, steps, units, files and hooks, ids of users. */
const MAPS = /\.(?:tables|extensions|steps|counts|digests|sequences|databases|keys|groups|users|files|units|by_step)$/;

function addKeys(types: Map<string, Set<string>>, path: string, value: unknown): void {
  const type = value === null ? "null" : Array.isArray(value) ? "array" : typeof value;
  const known = types.get(path) ?? new Set();
  types.set(path, known.add(type));
  if (Array.isArray(value)) for (const item of value) addKeys(types, `${path}[]`, item);
  else if (typeof value === "object" && value !== null)
    for (const [key, item] of Object.entries(value)) addKeys(types, `${path}.${MAPS.test(path) ? "*" : key}`, item);
}
