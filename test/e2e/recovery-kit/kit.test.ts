/** What a recovery kit holds, where it may lie, how its identity is sealed, and how doctor reminds of it. */
import { execFileSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { builtScript } from "../../support/commands/build.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { runOnTerminal, type Answer } from "../../support/commands/on-terminal.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { backUp, readJson, runBuilt } from "../../support/runs/backup.ts";
import { ageIdentity, type Identity } from "../../support/sealed/identities.ts";
import { makeSignedSite, type SignedSite } from "../../support/signing/keys.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const PASSPHRASE = "correct horse, battery staple";
const TYPED: readonly Answer[] = [
  ["Enter passphrase", PASSPHRASE],
  ["Confirm passphrase", PASSPHRASE],
  ["Enter passphrase", PASSPHRASE],
];

const directory = suiteDirectory("holdfast-kit-");
const env = { XDG_STATE_HOME: join(directory, "state"), STATE_DIRECTORY: undefined };
let site: SignedSite;
let identity: Identity;

beforeAll(async () => {
  identity = ageIdentity(directory, "identity");
  const encryption = `encryption: { recipients: ["${identity.recipient}"] }`;
  site = makeSignedSite(directory, { config: { encryption } });
  await backUp(site);
});

const argumentsOf = (kit: string, ...more: readonly string[]): string[] => [
  kit,
  "--config",
  site.config,
  "--dest",
  site.dest,
  ...more,
];
const make = async (kit: string, ...more: readonly string[]): Promise<RunResult> =>
  await runInProcess("recovery_kit", argumentsOf(kit, ...more), { env });
const modeOf = (file: string): string => (statSync(file).mode & 0o7777).toString(8);

test("without an identity the kit has all else, says what is missing, and only its owner reads it", async () => {
  const kit = join(tempDirectory(), "new", "kit");
  const made = await make(kit, "--json");
  expect(made.code).toBe(0);
  const files = ["README.md", "allowed_signers", "restore.sh"];
  expect(made.json.at(-1)).toMatchObject({ message_type: "summary", site: "test", identity: "none", files });
  expect(readdirSync(kit).toSorted()).toEqual(files);
  expect([kit, ...files.map((file) => join(kit, file))].map(modeOf)).toEqual(["700", "600", "600", "700"]);
  expect(readFileSync(join(kit, "allowed_signers"))).toEqual(readFileSync(site.signers));
  const readme = readFileSync(join(kit, "README.md"), "utf8");
  expect(readme).toContain(site.dest);
  expect(readme).toContain(`restore.sh /root/20261120T020000Z ${site.root}`);
  expect(readme).toMatch(/what opens them is not in this kit/);
  expect(readme).toMatch(/apt-get install age openssh-client tar unzip jq attr rsync sqlite3/);
  execFileSync("bash", ["-n", join(kit, "restore.sh")]);
});

test("the principal of the config goes into the kit, and no key or password", async () => {
  const config = join(directory, "principal.yaml");
  const text = readFileSync(site.config, "utf8").replace('allowed_signers"', 'allowed_signers", principal: clara@host');
  writeFileSync(config, text);
  const kit = join(tempDirectory(), "kit");
  const made = await runInProcess("recovery_kit", [kit, "--config", config, "--dest", site.dest], { env });
  expect(made.code).toBe(0);
  expect(readFileSync(join(kit, "principal"), "utf8")).toBe("clara@host\n");
  const all = readdirSync(kit).map((file) => readFileSync(join(kit, file), "utf8"));
  expect(all.filter((one) => /PRIVATE KEY|AGE-SECRET-KEY-1\w{10}/.test(one))).toEqual([]);
});

describe("a kit is refused", () => {
  test.each([
    ["in the site", () => join(site.root, "new/kit"), /lies inside .*site \(root\)/],
    ["in the store", () => join(site.dest, "kit"), /lies inside .*store \(dest\)/],
    ["in a directory that is not empty", () => directory, /is not empty/],
    ["at a file", () => site.config, /is not a directory/],
  ])("%s", async (_, place, said) => {
    const before = readdirSync(site.dest);
    const made = await make(place(), "--identity", identity.file, "--plain-identity");
    expect(made.code).toBe(1);
    expect(made.stderr).toMatch(said);
    expect(readdirSync(site.dest)).toEqual(before);
    expect(existsSync(join(site.root, "new"))).toBe(false);
  });

  test("with an identity that does not open the newest run", async () => {
    const kit = join(tempDirectory(), "kit");
    const wrong = ageIdentity(tempDirectory(), "wrong");
    const made = await make(kit, "--identity", wrong.file, "--plain-identity");
    expect(made.code).toBe(12);
    expect(made.stderr).toMatch(/does not open/);
    expect(existsSync(kit)).toBe(false);
  });

  test("with an identity, where there is no terminal for a passphrase", async () => {
    const kit = tempDirectory();
    const made = await runBuilt("recovery_kit", argumentsOf(kit, "--identity", identity.file), { env });
    expect(made.code).toBe(12);
    expect(made.stderr).toMatch(/hint: .*--plain-identity/);
    expect(readdirSync(kit)).toEqual([]);
  });
});

test("an identity is sealed by a passphrase that is typed, in an empty directory too", async () => {
  const kit = tempDirectory();
  const command = [process.execPath, builtScript("recovery_kit"), ...argumentsOf(kit, "--identity", identity.file)];
  const made = await runOnTerminal(command, TYPED, { ...process.env, ...env });
  expect(made.code, made.output).toBe(0);
  expect(made.output).not.toContain(PASSPHRASE);
  expect([kit, join(kit, "identity.txt.age")].map(modeOf)).toEqual(["700", "600"]);
  const opened = await runOnTerminal(
    ["age", "--decrypt", join(kit, "identity.txt.age")],
    [["Enter passphrase", PASSPHRASE]],
  );
  expect(opened.output).toContain(/AGE-SECRET-KEY-1\w+/.exec(readFileSync(identity.file, "utf8"))?.[0]);
  const all = readdirSync(kit).map((file) => readFileSync(join(kit, file), "latin1"));
  expect(all.filter((one) => /AGE-SECRET-KEY-1\w{10}/.test(one))).toEqual([]);
});

test("a passphrase that is mistyped when it is to open the identity leaves nothing", async () => {
  const kit = join(tempDirectory(), "kit");
  const command = [process.execPath, builtScript("recovery_kit"), ...argumentsOf(kit, "--identity", identity.file)];
  const answers: readonly Answer[] = [...TYPED.slice(0, 2), ["Enter passphrase", "another"]];
  const made = await runOnTerminal(command, answers, { ...process.env, ...env });
  expect(made.code).toBe(12);
  expect(existsSync(kit)).toBe(false);
});

interface Check {
  readonly id: string;
  readonly state: string;
  readonly problems: readonly { readonly message: string }[];
}

test("doctor reminds of a kit that was never made, and of one that is older than a quarter", async () => {
  const own = { ...env, XDG_STATE_HOME: tempDirectory() };
  const check = async (): Promise<Check | undefined> => {
    const { json } = await runInProcess("doctor", ["--config", site.config, "--dest", site.dest, "--json"], {
      env: own,
    });
    const { checks } = json.at(-1) as { checks: Check[] };
    return checks.find(({ id }) => id === "recovery_kit");
  };
  expect(await check()).toMatchObject({
    state: "warn",
    problems: [{ message: expect.stringMatching(/no recovery kit/) as string }],
  });
  await runInProcess("recovery_kit", argumentsOf(join(tempDirectory(), "kit")), { env: own });
  expect(await check()).toMatchObject({ state: "ok" });
  const file = join(own.XDG_STATE_HOME, "holdfast/recovery-kits/test.json");
  const record = readJson<{ made_at: string }>(file);
  const made_at = new Date(Date.parse(record.made_at) - 93 * 24 * 3_600_000).toISOString();
  writeFileSync(file, JSON.stringify({ ...record, made_at }));
  expect(await check()).toMatchObject({
    state: "warn",
    problems: [{ message: expect.stringMatching(/older than a quarter/) as string }],
  });
});
