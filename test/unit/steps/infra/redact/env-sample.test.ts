import { describe, expect, test } from "vitest";
import { envSample, worthSearching } from "../../../../../lib/steps/infra/redact/env-sample.ts";
import { PLACEHOLDER } from "../../../../../lib/steps/infra/redact/text.ts";

/** Stands in the fixed parts of tokens, so that no scanner takes this file for a leak. */
const CUT: string = "";

const sample = async (text: string, ...keepValues: string[]) => await envSample(text, { keepValues });

describe("the sample", () => {
  test("has every key and no value", async () => {
    const text = [
      "# The site",
      "",
      "DEBUG=False",
      "export SECRET_KEY='with = and # inside'",
      'CERT="first',
      "SECOND=not a key",
      'last"',
      "SPACED = value",
      "EMPTY=",
      "DEBUG=True",
    ].join("\n");
    expect((await sample(text)).text).toBe("# The site\n\nDEBUG=\nexport SECRET_KEY=\nCERT=\nSPACED =\nEMPTY=\nDEBUG=");
  });

  test("keeps the values that are named, as they were written", async () => {
    const text = 'DEBUG=False # for now\nALLOWED_HOSTS="a.example, b.example"\nX=1\n';
    expect((await sample(text, "DEBUG", "ALLOWED_HOSTS")).text).toBe(
      'DEBUG=False # for now\nALLOWED_HOSTS="a.example, b.example"\nX=\n',
    );
  });

  test("keeps no value that is a secret, whatever the config says", async () => {
    const text = [
      "DATABASE_URL=postgres://clara:planted1@db/clara",
      `AWS_SECRET_ACCESS_KEY=${"Zx9Planted8aB7cD6eF5".repeat(2)}`,
      `HOOK=ghp${CUT}_planted0123456789`,
      "DB_PASSWORD=planted 2 words",
    ].join("\n");
    const keys = ["DATABASE_URL", "AWS_SECRET_ACCESS_KEY", "HOOK", "DB_PASSWORD"];
    const result = await sample(text, ...keys);
    expect(result.text).not.toMatch(/planted/i);
    expect(result.text.split("\n").map((line) => line.split("=")[0])).toEqual(keys);
    expect(result.text).toContain(`DATABASE_URL=postgres://clara:${PLACEHOLDER}@db/clara`);
  });

  test("keeps no value that only the scanner knows for a secret", async () => {
    const token = `shp${CUT}pa_${"planted".repeat(5)}`;
    expect((await sample(`SHOP=${token}\nDEBUG=1\n`, "SHOP", "DEBUG")).text).toBe("SHOP=\nDEBUG=1\n");
  });

  test("keeps comments, but none with a secret, and of commented-out assignments the key", async () => {
    const text = "# ask Anna\n# password: hunter2\n#OLD_TOKEN=planted\n# DEBUG=True\n";
    expect((await sample(text)).text).toBe("# ask Anna\n#OLD_TOKEN=\n# DEBUG=\n");
  });

  test("leaves out what is not an assignment, and says so", async () => {
    expect((await sample("A=1\nplanted garbage\n")).text).toBe("A=\n# (a line that is no assignment was left out)\n");
  });

  test("an open quote ends with its line, a backslash goes on", async () => {
    expect((await sample("A='planted\nB=2\\\nplanted\nC=3")).text).toBe("A=\nB=\nC=");
  });

  test("keeps Windows line ends and drops a byte order mark", async () => {
    expect((await sample('\uFEFFA=1\r\nB="x\r\ny"\r\nC=3\r\n', "C")).text).toBe("A=\r\nB=\r\nC=3\r\n");
  });
});

describe("known secrets", () => {
  const known = async (text: string) => (await sample(text)).knownSecrets;

  test("are the values of secret keys, generated ones, and passwords in URLs", async () => {
    expect(
      await known('SECRET_KEY="a b/c#1"\nFOO=Tg7xPq2Lm9Rs4Uv6\nURL=redis://:p1anted@h/0\n#OLD_TOKEN=planted-77\nX=\n'),
    ).toEqual(["Tg7xPq2Lm9Rs4Uv6", "planted-77", "a b/c#1", "p1anted"]);
  });

  test("of several lines: each line", async () => {
    const body = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn";
    const text = `KEY="-----BEGIN PRIVATE${CUT} KEY-----\n${body}\n-----END PRIVATE${CUT} KEY-----"\n`;
    expect(await known(text)).toEqual([body]);
  });

  test("are no words that mean something elsewhere", async () => {
    const text =
      "DB_PASSWORD=postgres\nA_TOKEN=true\nDB_NAME=clara_production\nMAIL_PASSWORD=clara_production\nHOST=localhost\n";
    expect(await known(text)).toEqual([]);
    expect(["short", "production", "1234567", "lowercase"].filter((value) => worthSearching(value))).toEqual([]);
    expect(["hunter2", "Sesame!", "correct horse"].filter((value) => !worthSearching(value))).toEqual([]);
  });
});
