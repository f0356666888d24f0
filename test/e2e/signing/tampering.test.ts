/** Whatever is changed in a signed run, by somebody who can write to the store, is found and named by verify, restore and drill. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  appendFileSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import type { RunResult } from "../../support/commands/run.ts";
import { backUp, rest } from "../../support/runs/backup.ts";
import { makeKey, makeSignedSite, signByHand, verifyByHand, type SignedSite } from "../../support/signing/keys.ts";
import { suiteDirectory, tempDirectory } from "../../support/temp.ts";

const directory = suiteDirectory();
const other = makeKey(directory, "another key");
let site: SignedSite;
let older: string;
let newer: string;

beforeAll(async () => {
  site = makeSignedSite(join(suiteDirectory()), { projects: 2, files: 2 });
  await rest();
  older = (await backUp(site)).run;
  site.write("clara_content/Project_1/texts/text 1.txt", "changed since\n");
  await rest();
  newer = (await backUp(site)).run;
});

/** A copy of the store whose newer run is changed. */
class Store {
  readonly path = join(tempDirectory(), "store");
  readonly older = join(this.path, "runs", older);
  readonly newer = join(this.path, "runs", newer);

  constructor() {
    cpSync(site.dest, this.path, { recursive: true, verbatimSymlinks: true, preserveTimestamps: true });
  }

  at(file: string): string {
    return join(this.newer, file);
  }

  flip(file: string): void {
    const data = readFileSync(this.at(file));
    const middle = Math.floor(data.length / 2);
    data.writeUInt8(data.readUInt8(middle) ^ 1, middle);
    writeFileSync(this.at(file), data);
  }

  /** Makes SHA256SUMS right again, as somebody would who wants to hide a change. */
  adjustSums(): void {
    const lines = readFileSync(this.at("SHA256SUMS"), "utf8").trimEnd().split("\n");
    const sum = (file: string): string =>
      createHash("sha256")
        .update(readFileSync(this.at(file)))
        .digest("hex");
    const adjusted = lines.map((line) => `${sum(line.slice(66))}  ${line.slice(66)}\n`);
    writeFileSync(this.at("SHA256SUMS"), adjusted.join(""));
  }

  takeFromOlder(file: string): void {
    rmSync(this.at(file));
    cpSync(join(this.older, file), this.at(file));
  }
}

const ZIP = "source_exports/1/source.zip";
const SIGNATURE = "SHA256SUMS.sig";

interface Tampering {
  readonly what: string;
  readonly tamper: (store: Store) => void;
  /** What each of the three names. */
  readonly named: RegExp;
}

const TAMPERINGS: readonly Tampering[] = [
  { what: "a flipped bit in an artifact", tamper: (store) => store.flip(ZIP), named: /source_exports\/1\/source\.zip/ },
  { what: "a flipped bit in a document", tamper: (store) => store.flip("projects.json"), named: /projects\.json/ },
  { what: "a flipped bit in the manifest", tamper: (store) => store.flip("manifest.json"), named: /manifest\.json/ },
  { what: "a flipped bit in SHA256SUMS", tamper: (store) => store.flip("SHA256SUMS"), named: /SHA256SUMS/ },
  {
    what: "two artifacts swapped",
    tamper: (store) => {
      renameSync(store.at(ZIP), store.at("held"));
      renameSync(store.at("source_exports/2/source.zip"), store.at(ZIP));
      renameSync(store.at("held"), store.at("source_exports/2/source.zip"));
    },
    named: /source_exports\/[12]\/source\.zip/,
  },
  {
    what: "a document changed, and its digest with it",
    tamper: (store) => {
      store.flip("RESTORE.md");
      store.adjustSums();
    },
    named: /SHA256SUMS\.sig.*does not belong to this content/,
  },
  {
    what: "a file added",
    tamper: (store) => writeFileSync(store.at("source_exports/1/more.txt"), "more\n"),
    named: /source_exports\/1\/more\.txt.*was added/,
  },
  {
    what: "a document removed",
    tamper: (store) => rmSync(store.at("places.json")),
    named: /places\.json.*is missing/,
  },
  { what: "an artifact removed", tamper: (store) => rmSync(store.at(ZIP)), named: /source\.zip.*is missing/ },
  {
    what: "an artifact put back to that of an older run",
    tamper: (store) => store.takeFromOlder(ZIP),
    named: /source_exports\/1\/source\.zip/,
  },
  {
    what: "the list and the signature of an older run",
    tamper: (store) => ["SHA256SUMS", SIGNATURE].forEach((file) => store.takeFromOlder(file)),
    named: /manifest\.json/,
  },
  {
    what: "the signature of an older run",
    tamper: (store) => store.takeFromOlder(SIGNATURE),
    named: /SHA256SUMS\.sig.*does not belong to this content/,
  },
  {
    what: "an older run in the place of a newer one",
    tamper: (store) => {
      rmSync(store.newer, { recursive: true });
      cpSync(store.older, store.newer, { recursive: true });
    },
    named: /manifest\.json.*the signature is that of the run \d+T\d+Z/,
  },
  {
    what: "a run of another store with the same key",
    tamper: (store) => {
      const file = join(store.path, "store.json");
      writeFileSync(file, readFileSync(file, "utf8").replace(/"id": "[^"]*"/, '"id": "another"'));
    },
    named: /manifest\.json.*a run of the store .*, but this is the store another/,
  },
  {
    what: "no signature",
    tamper: (store) => rmSync(store.at(SIGNATURE)),
    named: /SHA256SUMS\.sig.*is missing, although runs are signed since|SHA256SUMS\.sig.*is missing/,
  },
  {
    what: "the signature of a key that is not allowed",
    tamper: (store) => {
      store.flip("RESTORE.md");
      store.adjustSums();
      signByHand(other.file, "holdfast-run", store.at("SHA256SUMS"));
    },
    named: /SHA256SUMS\.sig.*is not by an allowed signer/,
  },
  {
    what: "a signature by the right key for something else",
    tamper: (store) => signByHand(site.key.file, "holdfast-evidence", store.at("SHA256SUMS")),
    named: /SHA256SUMS\.sig.*namespace/,
  },
  {
    what: "a damaged signature",
    tamper: (store) => writeFileSync(store.at(SIGNATURE), "-\n"),
    named: /SHA256SUMS\.sig/,
  },
  {
    what: "a signature that is a link",
    tamper: (store) => {
      rmSync(store.at(SIGNATURE));
      symlinkSync(join(store.older, SIGNATURE), store.at(SIGNATURE));
    },
    named: /SHA256SUMS\.sig.*is not a regular file/,
  },
  {
    what: "a signature that is a FIFO",
    tamper: (store) => {
      rmSync(store.at(SIGNATURE));
      execFileSync("mkfifo", [store.at(SIGNATURE)]);
    },
    named: /SHA256SUMS\.sig.*is not a regular file/,
  },
  {
    what: "a signature without an end",
    tamper: (store) => appendFileSync(store.at(SIGNATURE), Buffer.alloc(200_000, 65)),
    named: /SHA256SUMS\.sig.*is too long/,
  },
];

/** `path message` of each problem, or the message of the error that ended the command. */
const saidBy = ({ json }: RunResult): string =>
  (json as Record<string, unknown>[])
    .flatMap((line) => {
      if (line["message_type"] === "exit_error") return [String(line["message"])];
      if (line["message_type"] !== "error") return [];
      const { item, error } = line as { item: string; error: { message: string } };
      return [`${item} ${error.message}`];
    })
    .join("\n");

const verb = async (name: string, store: Store, args: readonly string[] = []): Promise<RunResult> =>
  await runInProcess(name, [
    "--dest",
    store.path,
    "--run",
    newer,
    "--allowed-signers",
    site.signers,
    "--json",
    ...args,
  ]);

test("the run is as it should be before it is changed", async () => {
  const store = new Store();
  verifyByHand(store.newer, site.signers);
  const to = join(tempDirectory(), "site");
  for (const result of [
    await verb("verify", store),
    await verb("drill", store),
    await verb("restore", store, ["--to", to]),
  ])
    expect(result).toMatchObject({ code: 0, stderr: expect.not.stringContaining("signature") as string });
  expect(existsSync(join(to, "clara_content"))).toBe(true);
});

describe.each(TAMPERINGS)("$what", ({ tamper, named }) => {
  test("is found by verify", async () => {
    const store = new Store();
    tamper(store);
    const result = await verb("verify", store);
    expect(result.code).toBe(13);
    expect(saidBy(result)).toMatch(named);
  });

  test("is found by restore, before anything is written", async () => {
    const store = new Store();
    tamper(store);
    const to = join(tempDirectory(), "site");
    const result = await verb("restore", store, ["--to", to]);
    expect(saidBy(result)).toMatch(named);
    expect(result.code).toBe(13);
    expect(existsSync(to) ? readdirSync(to) : []).toEqual([]);
  });

  test("is found by drill", async () => {
    const store = new Store();
    tamper(store);
    const result = await verb("drill", store, ["--no-search"]);
    expect(saidBy(result)).toMatch(named);
    expect(result.code).toBe(13);
  });
});

test("what the signature covers is every file of the run but itself", () => {
  const store = new Store();
  const sums = readFileSync(store.at("SHA256SUMS"), "utf8");
  const files = execFileSync("find", [".", "-type", "f", "-printf", "%P\\n"], { cwd: store.newer, encoding: "utf8" });
  const listed = new Set(
    sums
      .trimEnd()
      .split("\n")
      .map((line) => line.slice(66)),
  );
  expect(
    files
      .trimEnd()
      .split("\n")
      .filter((file) => !listed.has(file))
      .toSorted(),
  ).toEqual(["SHA256SUMS", SIGNATURE]);
  expect(statSync(store.at(SIGNATURE)).mode & 0o777).toBe(0o640);
});
