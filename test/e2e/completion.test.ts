/** `holdfast completion`: each shell is asked as if TAB were pressed. */
import { execFileSync } from "node:child_process";
import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { runBuilt } from "../support/runs/backup.ts";
import { builtScript } from "../support/commands/build.ts";
import { suiteDirectory } from "../support/temp.ts";

const directory = suiteDirectory();
let env: NodeJS.ProcessEnv;

beforeAll(async () => {
  writeFileSync(
    join(directory, "holdfast"),
    `#!/bin/sh\nexec '${process.execPath}' '${builtScript("holdfast")}' "$@"\n`,
  );
  chmodSync(join(directory, "holdfast"), 0o755);
  writeFileSync(join(directory, "a-file.txt"), "");
  env = { ...process.env, PATH: `${directory}:${process.env["PATH"] ?? ""}`, HOME: directory };
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await runBuilt("holdfast", ["completion", shell]);
    expect(code).toBe(0);
    writeFileSync(join(directory, `completion.${shell}`), stdout);
  }
});

/** Asks a shell for the completions of the last word; names alone, without descriptions. */
type Ask = (...words: readonly string[]) => string[];

const run = (shell: string, args: readonly string[]): string[] =>
  execFileSync(shell, args, { encoding: "utf8", cwd: directory, env: { ...env, SHELL: `/usr/bin/${shell}` } })
    .split("\n")
    .filter((line) => line !== "");

const inBash: Ask = (...words) => {
  const script = [
    "source completion.bash",
    'COMP_WORDS=(holdfast "$@"); COMP_CWORD=$#',
    '_holdfast_yargs_completions; printf "%s\\n" "${COMPREPLY[@]}"',
  ].join("\n");
  return run("bash", ["-c", script, "bash", ...words]);
};

const inZsh: Ask = (...words) => {
  const script = [
    'compdef() { :; }; _describe() { print -rl -- "${(@P)2}"; }; _default() { print -r -- DEFAULT; }',
    "source ./completion.zsh",
    'words=(holdfast "$@"); CURRENT=$#words; BUFFER="$words"; CURSOR=$#BUFFER',
    "_holdfast_yargs_completions",
  ].join("\n");
  return run("zsh", ["-f", "-c", script, "zsh", ...words]).map((line) => line.replace(/:.*/, ""));
};

const inFish: Ask = (...words) =>
  run("fish", ["--no-config", "-c", `source completion.fish; complete -C "holdfast ${words.join(" ")}"`]).map((line) =>
    line.replace(/\t.*/, ""),
  );

describe.each([
  ["bash", inBash],
  ["zsh", inZsh],
  ["fish", inFish],
] as const)("in %s", (_, ask) => {
  test("verbs are completed, and those of a group", () => {
    expect(ask("")).toEqual(expect.arrayContaining(["backup", "restore", "portable", "step", "completion"]));
    expect(ask("portable", "")).toEqual(expect.arrayContaining(["plan", "export", "import", "package"]));
    expect(ask("step", "")).toEqual(expect.arrayContaining(["db", "source_exports", "trees"]));
  });

  test("the options of a command are completed, and of no other", () => {
    const options = ask("portable", "reconcile", "--");
    expect(options).toEqual(expect.arrayContaining(["--table", "--by", "--json"]));
    expect(options).not.toContain("--validate");
    expect(ask("restore", "--package", "x", "--ma")).toContain("--map");
  });

  test("choices of options and of arguments are completed", () => {
    expect(ask("backup", "--existing", "").toSorted()).toEqual(["overwrite", "skip"]);
    expect(ask("portable", "import", "x", "--mode", "up")).toEqual(["update-only"]);
    expect(ask("completion", "")).toEqual(expect.arrayContaining(["bash", "zsh", "fish"]));
  });
});

test("fish completes paths where a value is free; the other shells do so by themselves", () => {
  expect(inFish("restore", "--to", "a-")).toEqual(["a-file.txt"]);
  expect(inBash("restore", "--to", "a-")).toEqual([]);
});

test("the shell is that of $SHELL, and an unknown one is refused", async () => {
  const zsh = await runBuilt("holdfast", ["completion"], { env: { SHELL: "/bin/zsh" } });
  expect(zsh.stdout).toContain("#compdef holdfast");
  const other = await runBuilt("holdfast", ["completion"], { env: { SHELL: "/bin/tcsh" } });
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining("use one of bash, zsh, fish") as string });
});
