/** What `npm run build` keeps of V8's work: this Node takes it, and a command is the same without it. */
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, join } from "node:path";
import { Script } from "node:vm";
import { expect, onTestFinished, test } from "vitest";
import { builtScript } from "../../support/commands/build.ts";
import { startProgram } from "../../support/commands/run.ts";
import { removeTree } from "../../support/temp.ts";

const dist = (): string => dirname(dirname(builtScript("list")));

test("the kept code is for this Node, which takes it", () => {
  const [cache = ""] = readdirSync(dist()).filter((name) => name.endsWith(".cache"));
  const [, commands = "", version] = /^(commands-[0-9a-f]+\.cjs)\.(v[\d.]+)-/.exec(cache) ?? [];
  expect(version).toBe(process.version);
  const source = readFileSync(join(dist(), commands), "latin1");
  const script = new Script(source, { cachedData: readFileSync(join(dist(), cache)) });
  expect(script.cachedDataRejected).toBe(false);
});

test.each([
  ["without the kept code", "", true],
  ["with flags of V8, for which it was not made", "--no-opt --max-lazy", false],
])("a command is the same %s", async (_title, flags, remove) => {
  // Beside the build: its packages are found from there.
  const copy = mkdtempSync(`${dirname(dist())}-copy-`);
  onTestFinished(() => removeTree(copy));
  cpSync(dirname(dist()), copy, { recursive: true });
  for (const name of readdirSync(join(copy, "dist")))
    if (remove && name.endsWith(".cache")) rmSync(join(copy, "dist", name));
  const help = async (script: string, ...argv: readonly string[]) =>
    await startProgram([process.execPath, ...argv, script, "--help"]).done;
  const wanted = await help(builtScript("restore"));
  expect(wanted.code).toBe(0);
  const { code, stdout, stderr } = await help(
    join(copy, "dist/scripts/restore.js"),
    ...flags.split(" ").filter((flag) => flag !== ""),
  );
  expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: wanted.stdout, stderr: "" });
});
