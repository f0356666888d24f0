import { writeFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { findConfig, loadConfig } from "../../../lib/config/load.ts";
import { fillVariables } from "../../../lib/config/text/variables.ts";
import { HoldfastError } from "../../../lib/errors.ts";
import { tempDirectory } from "../../support/temp.ts";

const MINIMAL = "site: test\nroot: /srv/test\nlegacy: { path: old }\n";

function load(text: string, environment: NodeJS.ProcessEnv = {}) {
  const file = path.join(tempDirectory(), "site.yaml");
  writeFileSync(file, text);
  return loadConfig(file, environment);
}

/** The message of the error that a config gives. */
function fault(text: string, environment?: NodeJS.ProcessEnv): string {
  try {
    load(text, environment);
  } catch (error) {
    if (error instanceof HoldfastError && error.code === "E_CONFIG")
      return error.message.replace(/^.*site\.yaml: /, "");
    throw error;
  }
  return expect.fail("the config was accepted");
}

describe("a config", () => {
  test("gets its defaults", () => {
    const config = load(MINIMAL);
    expect(config).toMatchObject({
      site: "test",
      root: "/srv/test",
      compression_level: 3,
      rehash_every: 10,
      warnings: [],
    });
    expect(config.legacy).toEqual({ path: "old", tgz_above_mb: 2048 });
    expect(config.permissions).toMatchObject({ directory_mode: 0o750, file_mode: 0o640 });
  });

  test.each([
    [
      "a misspelt key names the nearest",
      `${MINIMAL}legcy: { path: x }\n`,
      "legcy is not a known key; did you mean legacy?",
    ],
    [
      "also deep inside",
      `${MINIMAL}audio_cache: { path: a, shard_size: 5 }\n`,
      "audio_cache.shard_size is not a known key; did you mean shard_size_mb?",
    ],
    [
      "and in one of several databases",
      `${MINIMAL}database: [{ url: "sqlite:///a", passwort_file: x }]\n`,
      "database.0.passwort_file is not a known key; did you mean password_file?",
    ],
    ["a missing key is named", "root: /srv/x\n", "site: "],
    ["an empty file", "", "is empty or not a mapping of keys"],
    ["no YAML", "site: [\n", "Flow sequence"],
    [
      "projects need one way to be found",
      `${MINIMAL}projects: { glob: "x/*", query: "select 1" }\n`,
      "needs exactly one of query, glob and command",
    ],
    ["an impossible mode", `${MINIMAL}permissions: { file_mode: 999 }\n`, "permissions.file_mode"],
    [
      "a variable that is not set",
      MINIMAL.replace("/srv/test", "${NOWHERE}"),
      "the environment variable NOWHERE is not set",
    ],
    ["a level that deflate does not have", `${MINIMAL}compression_level: 10\n`, "compression_level"],
  ])("%s", (_what, text, message) => {
    expect(fault(text)).toContain(message);
  });

  test("numbers and switches may come from variables", () => {
    const text = `${MINIMAL}audio_cache: { path: a, shard_size_mb: "\${SHARD:-64}" }\nsnapshots: { projects: "\${ALL:-true}" }\n`;
    expect(load(text)).toMatchObject({ audio_cache: { shard_size_mb: 64 }, snapshots: { projects: true } });
    expect(load(text, { SHARD: "7", ALL: "false" })).toMatchObject({
      audio_cache: { shard_size_mb: 7 },
      snapshots: { projects: false },
    });
  });

  test("a password inside a URL is warned of", () => {
    expect(load(`${MINIMAL}database: { url: "postgresql://a:b@localhost/c" }\n`).warnings).toHaveLength(1);
  });

  test("without a config nothing else is backed up", () => {
    const home = tempDirectory();
    expect(() => findConfig(undefined, {}, home)).toThrow("there is no config");
    expect(findConfig(undefined, { HOLDFAST_CONFIG: "/etc/x.yaml" }, home)).toBe("/etc/x.yaml");
    expect(findConfig("/a.yaml", { HOLDFAST_CONFIG: "/etc/x.yaml" }, home)).toBe("/a.yaml");
  });
});

describe("variables", () => {
  test.each([
    ["${A}", "one"],
    ["x${A}y${A}", "xoneyone"],
    ["${B:-two}", "two"],
    ["${EMPTY:-two}", "two"],
    ["${B:-${A}/x}", "one/x"],
    ["${B:-}", ""],
    ["$${A}", "${A}"],
    ["{id} $A", "{id} $A"],
  ])("%s becomes %s", (text, filled) => {
    expect(fillVariables({ list: [text] }, { A: "one", EMPTY: "" })).toEqual({ list: [filled] });
  });

  test.each(["${", "${A", "${A:b}", "${}"])("%s is refused", (text) => {
    expect(() => fillVariables(text, { A: "one" })).toThrow(HoldfastError);
  });
});
