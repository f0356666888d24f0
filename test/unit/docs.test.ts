/** The documentation stays true: what it names exists, what it tabulates is what the code says, what it shows can be read. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse, parseDocument } from "yaml";
import { z } from "zod";
import { loadConfig } from "../../lib/config/load.ts";
import { siteJsonSchema } from "../../lib/config/schema.ts";
import { ERRORS, EXIT } from "../../lib/errors.ts";
import { manifestSchema } from "../../lib/model/run.ts";
import { failureSchema, metadataSchema } from "../../lib/model/unit.ts";
import { commandFlags } from "../support/commands/flags.ts";
import { PROJECT } from "../support/commands/run.ts";
import { tempDirectory } from "../support/temp.ts";

const read = (file: string): string => readFileSync(join(PROJECT, file), "utf8");
const namesIn = (directory: string, options: { readonly recursive?: boolean } = {}): string[] =>
  readdirSync(join(PROJECT, directory), { ...options, encoding: "utf8" }).map((name) => `${directory}/${name}`);
const PAGES = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md", ...namesIn("docs"), ...namesIn("docs/adr")].filter(
  (file) => file.endsWith(".md"),
);
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\n([\\s\\S]*?)^\`\`\``, "gm"))].map(([, block = ""]) => block);
const rowsOf = (text: string, heading: string): string[][] =>
  (text.split(`\n${heading}\n`)[1]?.split("\n## ")[0] ?? "")
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) => line.split("|").map((cell) => cell.trim()));
const save = (text: string): string => {
  const file = join(tempDirectory(), "site.yaml");
  writeFileSync(file, text);
  return file;
};

/** Lines of the files that the commands of the examples read. */
const passwordSamples: Readonly<Record<string, string>> = {
  django: "DEBUG=0\nDB_PASSWORD=a 'b\n",
  wordpress: "define( 'DB_USER', 'x' );\ndefine( 'DB_PASSWORD', 'a 'b' );\n",
  redmine: 'test:\n  password: "x"\nproduction:\n  password: "a \'b"\nother:\n  password: "y"\n',
  nextcloud: "  'dbuser' => 'x',\n  'dbpassword' => 'a 'b',\n",
};

describe("config/site.example.yaml", () => {
  const text = read("config/site.example.yaml");
  const live = keysOf(parse(text));
  /** Alternatives that stand in comments, with the place where they belong. */
  const PLACES: Readonly<Record<string, readonly (string | number)[]>> = {
    exec_prefix: [],
    password_command: ["database", 0],
    glob: ["projects"],
    command: ["projects"],
    source: ["projects"],
  };

  test("loads without any variable set", () => {
    expect(loadConfig(join(PROJECT, "config/site.example.yaml"), {}).warnings).toEqual([]);
  });

  test("begins with the line by which editors find the schema", () => {
    expect(text.split("\n")[0]).toBe("# yaml-language-server: $schema=./site.schema.json");
  });

  test("has every key of the schema", () => {
    const commented = new Set(Object.values(alternatives(text)).flatMap((block) => [...keysOf(parse(block))]));
    const missing = [...schemaKeys(siteJsonSchema())].filter(
      (key) => ![...live].some((one) => isAt(one, key)) && ![...commented].some((one) => key.endsWith(`.${one}`)),
    );
    expect(missing).toEqual([]);
  });

  test("says a word about every section", () => {
    const paragraphs = text.split("\n\n");
    const silent = Object.keys(parse(text) as object).filter(
      (key) => !paragraphs.some((one) => new RegExp(`^#.*\n(?:.*\n)*?${key}:`, "m").test(one)),
    );
    expect(silent).toEqual([]);
  });

  test.each(Object.entries(alternatives(text)))("loads with the alternative %s", (key, block) => {
    const document = parseDocument(text);
    if (key === "glob" || key === "command") document.deleteIn(["projects", "query"]);
    document.setIn([...(PLACES[key] ?? ["?"]), key], z.record(z.string(), z.unknown()).parse(parse(block))[key]);
    expect(loadConfig(save(String(document)), {}).site).toBe("example");
  });
});

describe.each(namesIn("config/examples"))("%s", (file) => {
  test("loads without any variable set, with all of the root in a tree", () => {
    const config = loadConfig(join(PROJECT, file), {});
    expect(config.warnings).toEqual([]);
    expect(config.trees.map(({ path }) => path)).toContain(".");
  });

  test("has password commands that print what their comments say", () => {
    const printed = passwordSamples[basename(file, ".yaml")];
    for (const { password_command: command } of loadConfig(join(PROJECT, file), {}).database ?? []) {
      if (command === undefined) continue;
      const [program = "", ...args] = command.slice(0, -1);
      expect(execFileSync(program, args, { input: printed, encoding: "utf8" })).toBe("a 'b\n");
    }
  });
});

describe("docs/design.md", () => {
  const text = read("docs/design.md");
  const rows = rowsOf(text, "## Exit statuses and errors");

  test("lists every exit status", () => {
    const listed = rows.flatMap(([, exit = ""]) => (/^\d+$/.test(exit) ? [Number(exit)] : []));
    expect(listed).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
  });

  test("lists every error code with its exit and HTTP status", () => {
    const listed = rows.flatMap(([, code = "", exit, http]) =>
      code.startsWith("`") ? [[code.replaceAll("`", ""), { exit: Number(exit), http: Number(http) }]] : [],
    );
    const known = Object.entries(ERRORS).map(([code, { exit, http }]) => [code, { exit, http }]);
    expect(Object.fromEntries(listed)).toEqual(Object.fromEntries(known));
  });

  test("lists every check of verify, and which are quick", () => {
    const listed = rowsOf(text, "## Verification").flatMap(([, ids = "", quick]) =>
      [...ids.matchAll(/`([a-z_]+)(?:<step>)?`/g)].map(([, id]) => `${id} ${quick}`),
    );
    const known = [
      ...read("lib/ops/verify/checks.ts").matchAll(/id: ["`]([a-z_]+)(?:\$\{step\})?["`],[^}]*?reads: (true|false)/g),
    ].map(([, id, reads]) => `${id} ${reads === "true" ? "no" : "yes"}`);
    expect(listed.toSorted()).toEqual(known.toSorted());
  });

  test("shows documents with every field that they have", () => {
    const documents = blocks(text, "json").map((block) =>
      block.replaceAll(/"(sha256|sealed_to)": "…"/g, `"$1": "${"0".repeat(64)}"`),
    );
    const of = (key: string): unknown => JSON.parse(documents.find((one) => one.includes(`"${key}"`)) ?? "null");
    const manifest = manifestSchema.parse(of("uncovered"));
    expect(Object.keys(manifest)).toEqual(Object.keys(manifestSchema.shape));
    expect(Object.keys(failureSchema.parse(of("last_good_run")))).toEqual(Object.keys(failureSchema.shape));
    const shown = Object.keys(metadataSchema.parse(of("built_in")));
    expect(Object.keys(metadataSchema.shape).filter((key) => !shown.includes(key))).toEqual(["unit_b64"]);
  });
});

describe.each(PAGES)("%s", (page) => {
  const text = read(page);

  test("has links that lead somewhere", () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link = ""]) => link);
    const dead = links.filter((link) => {
      if (/^https?:/.test(link)) return false;
      const [file = "", anchor] = link.split("#");
      const target = file === "" ? page : join(dirname(page), file);
      if (!existsSync(join(PROJECT, target))) return true;
      return anchor !== undefined && !anchorsOf(read(target)).includes(anchor);
    });
    expect(dead).toEqual([]);
  });

  test("names files that exist", () => {
    const named = [...text.matchAll(/\b((?:[\w.-]+\/)*[\w.-]+\.(?:ts|js))\b/g)].map(([, file = ""]) => file);
    const missing = named.filter((file) => {
      const source = file.replace(/^(?:.*\/)?dist\//, "").replace(/\.js$/, ".ts");
      return !["", "scripts", dirname(page)].some((directory) => existsSync(join(PROJECT, directory, source)));
    });
    expect(missing).toEqual([]);
  });

  test("shows commands whose flags and npm scripts exist", async () => {
    const flags = await commandFlags();
    const scripts = z
      .object({ scripts: z.record(z.string(), z.string()) })
      .parse(JSON.parse(read("package.json"))).scripts;
    const commands = text.split("\n").flatMap((line) => line.split(/&&|\|/));
    const unknown = commands.flatMap((command) => [
      ...((/\b(?:scripts\/)?\w+\.[tj]s\b/.test(command) && /npx tsx|node /.test(command)) ||
      /\bholdfast [a-z]/.test(command)
        ? [...command.matchAll(/\s--([a-z-]+)/g)].flatMap(([, flag = ""]) => (flags.has(flag) ? [] : [`--${flag}`]))
        : []),
      ...[...command.matchAll(/npm run ([\w:]+)/g)].flatMap(([, name = ""]) =>
        scripts[name] === undefined ? [name] : [],
      ),
    ]);
    expect(unknown).toEqual([]);
  });

  test("shows whole configs that load", () => {
    for (const block of blocks(text, "yaml").filter((one) => /^site:/m.test(one)))
      expect(loadConfig(save(block), {}).warnings).toEqual([]);
  });
});

/** The dotted paths of every key of a parsed document; items of lists have the path of the list. */
function keysOf(value: unknown, at = ""): Set<string> {
  const found = new Set<string>();
  if (Array.isArray(value)) return new Set(value.flatMap((item: unknown) => [...keysOf(item, at)]));
  if (typeof value !== "object" || value === null) return found;
  for (const [key, inner] of Object.entries(value)) {
    const path = at === "" ? key : `${at}.${key}`;
    for (const one of [path, ...keysOf(inner, path)]) found.add(one);
  }
  return found;
}

interface SchemaNode {
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly additionalProperties?: SchemaNode | boolean;
  readonly items?: SchemaNode;
  readonly anyOf?: readonly SchemaNode[];
}

/** The same of a JSON Schema; a key that users choose, such as a text type, is called as the example calls it. */
function schemaKeys(node: SchemaNode, at = ""): Set<string> {
  const found = new Set<string>();
  const inner = [...(node.anyOf ?? []), ...(node.items === undefined ? [] : [node.items])];
  for (const one of inner) for (const key of schemaKeys(one, at)) found.add(key);
  for (const [key, value] of Object.entries(node.properties ?? {})) {
    const path = at === "" ? key : `${at}.${key}`;
    for (const one of [path, ...schemaKeys(value, path)]) found.add(one);
  }
  if (typeof node.additionalProperties === "object") {
    for (const key of schemaKeys(node.additionalProperties, `${at}.normal`)) found.add(key);
  }
  return found;
}

/** Whether a path of the example is one of the schema, in which `normal` stands for a name that a person gives. */
function isAt(path: string, key: string): boolean {
  const [names, wanted] = [path.split("."), key.split(".")];
  return names.length === wanted.length && wanted.every((one, at) => one === "normal" || one === names[at]);
}

/** YAML that stands in comments, by its first key: a line `# key: …` and the indented ones under it. */
function alternatives(text: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [, indent = "", block = ""] of text.matchAll(/^( *)(# [a-z_]+: ?.*\n(?:\1#   .*\n)*)/gm)) {
    const plain = block.replaceAll(new RegExp(`^(?:${indent})?# `, "gm"), "");
    const [key = ""] = plain.split(":");
    found[key] = plain;
  }
  return found;
}

/** The anchors of a page's headings, as GitHub makes them. */
const anchorsOf = (text: string): string[] =>
  [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
