/** The script `portable` as tests start it, and what they read out of its answers. */
import { join } from "node:path";
import { expect } from "vitest";
import * as z from "zod";
import { runInProcess } from "../commands/in-process.ts";
import { tempDirectory } from "../temp.ts";

export interface PortableScript<Summary> {
  /** With `--json`; of what it prints, the last line, or nothing of it where it printed none. */
  portable(...args: string[]): Promise<{ code: number; stderr: string; summary: Summary }>;
  /** The same, and it went well. */
  run(...args: string[]): Promise<Summary>;
}

/** `Summary`: what a test looks at in the last line. */
export function portableScript<Summary>(): PortableScript<Summary> {
  const portable = async (...args: string[]) => {
    const { code, stdout, stderr } = await runInProcess("portable", [...args, "--json"]);
    const last = stdout.trim().split("\n").at(-1) ?? "";
    return { code: code ?? -1, stderr, summary: last === "" ? ({} as Summary) : (JSON.parse(last) as Summary) };
  };
  return {
    portable,
    async run(...args) {
      const { code, stderr, summary } = await portable(...args);
      if (code !== 0) throw new Error(`${args.join(" ")} ended with ${code}: ${stderr}`);
      return summary;
    },
  };
}

/** What it says when it refuses, or finds a difference; nothing when all is well. */
export async function refusal(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runInProcess("portable", args);
  return code === 0 ? "" : stderr === "" ? `ended with ${code}: ${stdout}` : stderr;
}

/** An export of a database, which goes with the running test. */
export async function exportOf(url: string): Promise<string> {
  const output = join(tempDirectory(), "export");
  expect(await refusal("export", "--database", url, "-o", output, "--no-timestamp")).toBe("");
  return output;
}

const countsSchema = z.object({ tables: z.array(z.object({ created: z.number(), updated: z.number() })) });

/** Brings an export in, sees that both hold the same, and that a second time changes nothing. */
export async function bring(output: string, url: string): Promise<void> {
  expect(await refusal("import", output, "--database", url)).toBe("");
  expect(await refusal("verify", output, "--database", url)).toBe("");
  const { stdout } = await runInProcess("portable", ["import", output, "--database", url, "--json"]);
  const { tables } = countsSchema.parse(JSON.parse(stdout.trim().split("\n").at(-1) ?? ""));
  for (const { created, updated } of tables) expect({ created, updated }).toEqual({ created: 0, updated: 0 });
}
