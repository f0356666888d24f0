import { describe, expect, test } from "vitest";
import { redactText } from "../../../../../lib/steps/infra/redact/text.ts";
import { scanForSecrets } from "../../../../../lib/steps/infra/redact/scan.ts";

/** Stands in the fixed parts of tokens, so that no scanner takes this file for a leak. */
const CUT: string = "";

const rules = async (text: string) =>
  (await scanForSecrets([{ path: "file", text }])).map(({ line, rule }) => `${line} ${rule}`);

describe("the gate", () => {
  test("names file, line and rule, and never the secret", async () => {
    const planted = "Zx9Planted8aB7cD6eF5".repeat(2);
    const findings = await scanForSecrets([
      { path: "clean.txt", text: "a = 1\n" },
      {
        path: "settings.py",
        text: `x = 1\nAWS_SECRET_ACCESS_KEY = "${planted}"\nurl = "https://anna:Planted1@git.example/x"\n`,
      },
    ]);
    expect(findings.map(({ path, line }) => `${path}:${line}`)).toContain("settings.py:2");
    expect(findings.map(({ path, line }) => `${path}:${line}`)).toContain("settings.py:3");
    expect(findings.some(({ path }) => path === "clean.txt")).toBe(false);
    expect(JSON.stringify(findings)).not.toContain("Planted");
  });

  test("takes no commit hash, placeholder or reference for a secret", async () => {
    const text = [
      "commit: 8f2c1d0e9b7a6f5e4d3c2b1a0f9e8d7c6b5a4f3e",
      "url: postgres://clara:${DB_PASSWORD}@db.clara.net:5432/clara",
      "url: postgres://clara:%(db_password)s@db.clara.net/clara",
      "url: postgres://clara@db.clara.net/clara",
      redactText("url: https://anna:planted@git.example/clara.git", { keepValues: [] }).text,
      redactText("url: mysql://anna:planted@db.clara.net/clara", { keepValues: [] }).text,
    ].join("\n");
    expect(await rules(text)).toEqual([]);
  });

  test("is not switched off by a comment in the file", async () => {
    const text = `# secretlint-disable\nAWS_SECRET_ACCESS_KEY = "${"Zx9Planted8aB7cD6eF5".repeat(2)}"\n`;
    expect(await rules(text)).toEqual(["2 aws"]);
  });

  test("knows forms that the scanner does not", async () => {
    expect(await rules(`a\n\ngl${CUT}pat-0123456789abcdefghij\n`)).toEqual(["3 gitlab-token"]);
  });
});
