/** Sealed runs that are cut short: nothing plain is left in the store, and the next run is right. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, describe, expect, test } from "vitest";
import { filesOf } from "../../support/files.ts";
import { backup, backUp, eventually, faultsOf, processesWith, rest, startBackup } from "../../support/runs/backup.ts";
import { ageIdentity } from "../../support/sealed/identities.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { tempDirectory } from "../../support/temp.ts";

const MARK = "a picture that only its owner may see";
/** A part of the name of a file and of the title of a project. */
const NAME = "Grandmother";

function sealedSite(directory: string): TestSite {
  const { recipient } = ageIdentity(directory, "identity");
  const site = makeSite(directory, {
    projects: 4,
    config: { encryption: `encryption: { recipients: ["${recipient}"], metadata: names }` },
  });
  const marked = Buffer.from(MARK.repeat(50_000));
  for (const project of [1, 2, 3, 4]) site.write(`clara_content/Project_${project}/large.png`, marked);
  site.write("audio/tts_repository_orm/google/french/voice_0/large.mp3", marked);
  site.write("images/large.png", marked);
  site.write(`audio/tts_repository_orm/google/french/voice_0/${NAME}.mp3`, "a sound");
  site.sql(`update clara_app_claraproject set title = '${NAME}' where id = 1`);
  execFileSync("sqlite3", [join(site.root, "images/live.db"), `create table t(x); insert into t values ('${MARK}')`]);
  return site;
}

const filesWithMark = (directory: string): string[] =>
  filesOf(directory).filter((file) => {
    const path = join(directory, file);
    if (!statSync(path).isFile()) return false;
    const content = readFileSync(path);
    return content.includes(MARK) || content.includes(NAME);
  });

describe("SIGKILL of the main process", () => {
  test.each([0.3, 0.6, 0.9])(
    "at %s of the way leaves nothing plain",
    async (part) => {
      const site = sealedSite(tempDirectory());
      await rest();
      const started = Date.now();
      expect((await startBackup(site).done).code).toBe(0);
      const duration = Date.now() - started;
      const { child, done } = startBackup(site, ["--existing", "overwrite"]);
      await sleep(part * duration);
      child.kill("SIGKILL");
      await done;
      // Its steps notice that it is gone, and remove what they were writing.
      await eventually("no process of the run is left", () => processesWith(site.dest).length === 0);
      expect(filesWithMark(site.dest)).toEqual([]);
      const next = await backup(site, ["--resume"]);
      expect(next.code).toBe(0);
      expect(faultsOf(next.summary?.path ?? "")).toEqual([]);
      expect(filesWithMark(site.dest)).toEqual([]);
      expect(filesOf(site.dest).filter((file) => file.includes("seal-"))).toEqual([]);
    },
    300_000,
  );
});

describe("a disk that is full", () => {
  const mounted: string[] = [];
  afterEach(() => {
    for (const directory of mounted.splice(0)) execFileSync("umount", ["-l", directory]);
  });

  test("ends the run as it does without a seal, the earlier run stays, and the next one is whole", async () => {
    const site = sealedSite(tempDirectory());
    const disk = join(site.root, "../disk");
    mkdirSync(disk);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=60m,mode=755", "holdfast-test", disk]);
    mounted.push(disk);
    const place = { ...site, dest: join(disk, "store") };
    const first = await backUp(place);
    const used = Number(execFileSync("df", ["--output=used", "-k", disk], { encoding: "utf8" }).split("\n")[1]);
    for (const project of [1, 2, 3]) site.write(`clara_content/Project_${project}/new.png`, Buffer.alloc(3_000_000, 1));
    execFileSync("mount", ["-o", `remount,size=${used + 3000}k`, disk]);
    const result = await backup(place);
    expect(result.error).toMatchObject({ error_code: "E_NO_SPACE" });
    expect(result.code).toBe(1);
    expect(readdirSync(join(place.dest, "runs"))).toEqual([first.run]);
    expect(faultsOf(first.path)).toEqual([]);
    execFileSync("mount", ["-o", "remount,size=60m", disk]);
    await backUp(place);
  });
});

test("without the program the run fails before anything is read, and says what to install", async () => {
  const site = sealedSite(tempDirectory());
  const result = await backup(site, [], { env: { PATH: "/nonexistent" } });
  expect(result.code).toBe(1);
  expect(result.error).toMatchObject({
    error_code: "E_SEAL",
    message: expect.stringContaining("not installed") as string,
    hint: expect.stringContaining("apt install age") as string,
  });
});
