/** Commands in messages and hints: they can be typed as they stand. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { withGivenFlags } from "../../../../lib/cli/core/given-flags.ts";
import { PROJECT } from "../../../support/commands/run.ts";
import { commandFlags } from "../../../support/commands/flags.ts";

const sources = readdirSync(join(PROJECT, "lib"), { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => ({ file, text: readFileSync(join(PROJECT, "lib", file), "utf8") }));
const scripts = readdirSync(join(PROJECT, "scripts")).map((name) => name.replace(/\.ts$/, ""));
const flags = await commandFlags();

/** The string literals of a file, without its imports and comments. */
const literals = (text: string): string[] =>
  text
    .split("\n")
    .filter((line) => !/^\s*(?:\*|\/\*|\/\/|import\b|export \{|\} from )/.test(line))
    .flatMap((line) => [...line.matchAll(/"(?:[^"\\]|\\.)*"|`[^`]*`?/g)].map(([literal]) => literal));

test("every script that a message names is started as in the README, and exists", () => {
  const wrong = sources.flatMap(({ file, text }) =>
    file === "config/schema.ts"
      ? []
      : literals(text).flatMap((literal) =>
          [...literal.matchAll(/(npx tsx scripts\/)?\b([a-z_]+)\.ts\b/g)].flatMap(([, start, name = ""]) =>
            scripts.includes(name) && start === undefined && !/\/[\w-]*\.ts|describe|portable\.ts package/.test(literal)
              ? [`${file}: ${literal}`]
              : [],
          ),
        ),
  );
  expect(wrong).toEqual([]);
});

test("every flag of a command that a message shows is one of the commands'", () => {
  const unknown = sources.flatMap(({ file, text }) =>
    literals(text)
      .filter((literal) => literal.includes("npx tsx scripts/"))
      .flatMap((literal) =>
        [...literal.matchAll(/\s--([a-z-]+)/g)].flatMap(([, flag = ""]) =>
          flags.has(flag) || flags.has(flag.replace(/^no-/, "")) ? [] : [`${file}: --${flag}`],
        ),
      ),
  );
  expect(unknown).toEqual([]);
});

test("commands in messages repeat the flags by which this command found its config and its store", () => {
  const given = ["latest", "--config", "/etc/my sites/a.yaml", "--dest=/srv/b"];
  const hint = "npx tsx scripts/list.ts shows the runs, npx tsx scripts/delete.ts --yes RUN removes one";
  const flags = "--config $'/etc/my sites/a.yaml' --dest /srv/b";
  expect(withGivenFlags(hint, given)).toBe(
    `npx tsx scripts/list.ts ${flags} shows the runs, npx tsx scripts/delete.ts ${flags} --yes RUN removes one`,
  );
  expect(withGivenFlags("see: npx tsx scripts/logs.ts X --dest /srv/c", given)).toBe(
    "see: npx tsx scripts/logs.ts --config $'/etc/my sites/a.yaml' X --dest /srv/c",
  );
  expect(withGivenFlags(hint, ["latest", "--json"])).toBe(hint);
});
