/**
 * The gate: looks at finished text with a well-kept secret scanner and with our own shapes. What it finds is never
 * repeated.
 */
import { isReference, PLACEHOLDER, findTokens } from "./token-patterns.ts";

export interface ScannedFile {
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  /** Counted from 1. */
  readonly line: number;
  readonly rule: string;
}

const PRESET = "@secretlint/secretlint-rule-preset-recommend";

/** Returns the findings of secretlint and our own patterns, in the order of files and lines. */
export async function scanForSecrets(files: readonly ScannedFile[]): Promise<Finding[]> {
  // Loaded when it is needed: it takes longer to load than most commands take.
  const [{ lintSource }, preset] = await Promise.all([
    import("@secretlint/core"),
    import("@secretlint/secretlint-rule-preset-recommend"),
  ]);
  const findings: Finding[] = [];
  for (const { path, text } of files) {
    const lines = new Map<string, Finding>();
    const add = (line: number, rule: string): void => void lines.set(`${line} ${rule}`, { path, line, rule });
    for (const span of findTokens(text)) {
      if (text.slice(span.start, span.end) !== PLACEHOLDER)
        add(text.slice(0, span.start).split("\n").length, span.rule);
    }
    const result = await lintSource({
      source: { filePath: path, content: forScanner(text), contentType: "text", ext: "" },
      options: {
        maskSecrets: true,
        noPhysicFilePath: true,
        config: { rules: [{ id: PRESET, rule: preset.creator }] },
      },
    });
    for (const { loc, ruleId } of result.messages)
      add(loc.start.line, ruleId.replace("@secretlint/secretlint-rule-", ""));
    findings.push(...[...lines.values()].toSorted((a, b) => a.line - b.line));
  }
  return findings;
}

/**
 * The text without what would mislead the scanner: placeholders and references, which it takes for passwords where they
 * stand in a URL, and comments that would switch it off.
 */
function forScanner(text: string): string {
  return text
    .replace(/(:\/\/[^\s:/@]*):([^\s:/@]+)@/g, (whole, before: string, word: string) =>
      isReference(word) ? `${before}@` : whole,
    )
    .replaceAll(PLACEHOLDER, "")
    .replaceAll("secretlint-", "secretlint_");
}
