/** What a page of the documentation has its reader do, in the order of the page: commands to run, and files to save. */
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { PROJECT } from "../commands/run.ts";

export interface DocumentedScript {
  readonly kind: "script";
  readonly page: string;
  readonly line: number;
  /** Whether it stands in a sentence or a table rather than in a block. */
  readonly inline: boolean;
  /** Each is whole: lines that go on in the next one are joined. */
  readonly commands: readonly string[];
}

export interface DocumentedFile {
  readonly kind: "file";
  readonly page: string;
  readonly line: number;
  /** Relative to the checkout. */
  readonly path: string;
  readonly text: string;
}

export type DocumentedStep = DocumentedScript | DocumentedFile;

/** README.md, CONTRIBUTING.md and the pages of docs/. */
export function documentedPages(): string[] {
  const docs = readdirSync(join(PROJECT, "docs")).filter((name) => name.endsWith(".md"));
  return ["README.md", "CONTRIBUTING.md", ...docs.map((name) => `docs/${name}`)];
}

export const readPage = (page: string): string => readFileSync(join(PROJECT, page), "utf8");

/** A fenced block, also within a list, and the sentence that follows it. */
const FENCE = /^( *)```([a-z]*)\n(.*?)^\1```\n(?=(?:\s*(Save \w+ as `[^`]+`))?)/gms;
const COMMAND = /`([^`]*\bnpx tsx scripts\/[^`]*)`/g;

/** Returns the steps of a page. A command that a page repeats in its text is taken once. */
export function documentedSteps(page: string, text: string): DocumentedStep[] {
  const lineOf = (index: number): number => text.slice(0, index).split("\n").length;
  const steps: DocumentedStep[] = [];
  for (const { index, 1: indent = "", 2: language = "", 3: block = "", 4: sentence } of text.matchAll(FENCE)) {
    const line = lineOf(index);
    const lines = block.split("\n").map((one) => one.slice(indent.length));
    const path = /`(.+)`/.exec(sentence ?? "")?.[1];
    if (path !== undefined) steps.push({ kind: "file", page, line, path, text: lines.join("\n") });
    const commands = wholeCommands(shellLines(language, lines));
    if (commands.length > 0) steps.push({ kind: "script", page, line, inline: false, commands });
  }
  const prose = text.replaceAll(FENCE, (fence) => fence.replaceAll(/[^\n]/g, " "));
  const seen = new Set<string>();
  for (const { index, 1: span = "" } of prose.matchAll(COMMAND)) {
    const command = span.replaceAll(/\s+/g, " ");
    if (!seen.has(command))
      steps.push({ kind: "script", page, line: lineOf(index), inline: true, commands: [command] });
    seen.add(command);
  }
  return steps.toSorted((a, b) => a.line - b.line);
}

/** The lines of a block that a shell is given; none where it is of another language. */
function shellLines(language: string, lines: readonly string[]): string[] {
  switch (language) {
    case "bash":
    case "sh":
    case "shell":
      return [...lines];
    case "console":
      return lines.filter((line) => line.startsWith("$ ")).map((line) => line.slice(2));
    case "cron":
      return lines.map((line) => line.replace(/^(?:\S+\s+){5}/, ""));
    default:
      return [];
  }
}

/** Joins the lines of one command: those that end with a backslash, and compound commands. */
function wholeCommands(lines: readonly string[]): string[] {
  const commands: string[] = [];
  let begun: string[] = [];
  for (const line of lines) {
    begun.push(line);
    const command = begun.join("\n").trim();
    if (line.endsWith("\\") || spawnSync("bash", ["-n"], { input: command }).status !== 0) continue;
    if (command !== "" && !command.startsWith("#")) commands.push(command);
    begun = [];
  }
  return begun.length === 0 ? commands : [...commands, begun.join("\n")];
}
