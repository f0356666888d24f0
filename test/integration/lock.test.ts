import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { ownerOfThisProcess } from "../../lib/store/lock/process-owner.ts";
import { suiteDirectory, tempDirectory } from "../support/temp.ts";

const HOLDER = path.join(suiteDirectory(), "lock-holder.mjs");

// A bundle starts in a tenth of the time that the source takes.
beforeAll(
  async () =>
    await build({
      entryPoints: [path.join(import.meta.dirname, "../support/lock-holder.ts")],
      outfile: HOLDER,
      bundle: true,
      platform: "node",
      target: "node20",
      format: "esm",
      banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    }),
);

type Line = Record<string, unknown>;

/** A lock-holder at work. */
class Holder {
  readonly lines: Line[] = [];
  readonly process: ChildProcessWithoutNullStreams;
  readonly ended: Promise<unknown>;
  #heard = (): void => {};

  constructor(store: string, args: readonly string[] = [], wrap: readonly string[] = []) {
    const argv = [...wrap, process.execPath, HOLDER, path.join(store, ".lock"), path.join(store, ".tmp"), ...args];
    this.process = spawn(argv[0] ?? "", argv.slice(1));
    this.ended = once(this.process, "close");
    this.process.stderr.on("data", (data: Buffer) => this.#add({ stderr: String(data) }));
    createInterface({ input: this.process.stdout }).on("line", (line) => this.#add(JSON.parse(line) as Line));
    this.process.on("close", () => this.#heard());
    onTestFinished(() => void this.process.kill("SIGKILL"));
  }

  tell(line: string): void {
    this.process.stdin.write(`${line}\n`);
  }

  /** The first line with this key; fails when the process ends without it. */
  async said(key: string): Promise<Line> {
    for (;;) {
      const found = this.lines.find((line) => key in line);
      if (found !== undefined) return found;
      if (this.process.exitCode !== null || this.process.signalCode !== null) {
        await this.ended;
        if (this.lines.some((line) => key in line)) continue;
        throw new Error(`ended without saying ${key}: ${JSON.stringify(this.lines)}`);
      }
      await new Promise<void>((resolve) => (this.#heard = resolve));
    }
  }

  async die(): Promise<void> {
    this.process.kill("SIGKILL");
    await this.ended;
  }

  #add(line: Line): void {
    this.lines.push(line);
    this.#heard();
  }
}

const ownerOnDisk = (store: string): Line =>
  JSON.parse(readFileSync(path.join(store, ".lock/owner.json"), "utf8")) as Line;

test("a second command names the holder of the lock, and gets it after the release", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  await first.said("held");

  const second = new Holder(store);
  const refused = await second.said("code");
  await second.ended;
  expect(second.process.exitCode).toBe(11);
  expect(refused.code).toBe("E_LOCKED");
  expect(refused.message).toContain(`backup_all (pid ${first.process.pid} on `);
  expect(refused.message).toContain(" since 20");
  expect(refused.hint).toContain(`kill ${first.process.pid}`);

  first.tell("release");
  await first.ended;
  expect(existsSync(path.join(store, ".lock"))).toBe(false);
  expect(readdirSync(path.join(store, ".tmp"))).toEqual([]);
  const third = new Holder(store);
  expect(await third.said("held")).toMatchObject({ takenOver: null });
});

test("stale lock: the lock of a killed holder is taken over at once, with a note", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  const { token } = await first.said("held");
  await first.die();

  const second = new Holder(store);
  const held = await second.said("held");
  expect(held.takenOver).toMatchObject({ token, pid: first.process.pid, command: "backup_all" });
  expect(held.token).not.toBe(token);
  expect(second.lines.map((line) => line.note).filter(Boolean)).toEqual([
    expect.stringMatching(
      new RegExp(`^took over the lock of backup_all \\(pid ${first.process.pid} .*no longer running$`),
    ),
  ]);
  expect(ownerOnDisk(store)).toMatchObject({ token: held.token, pid: second.process.pid });
});

test("stale lock: a holder that is dead but not yet reaped is dead", async () => {
  const store = tempDirectory();
  // The shell becomes a program that never waits for its child, as many a container's first process.
  const first = new Holder(store, [], ["sh", "-c", '"$@" </dev/zero & exec sleep 600', "sh"]);
  await first.said("held");
  const pid = Number(ownerOnDisk(store).pid);
  process.kill(pid, "SIGKILL");
  while (!/\) Z /.test(readFileSync(`/proc/${pid}/stat`, "latin1"))) await sleep(5);

  const second = new Holder(store);
  expect((await second.said("held")).takenOver).toMatchObject({ pid });
});

test("a stopped holder is alive", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  await first.said("held");
  first.process.kill("SIGSTOP");
  const second = new Holder(store);
  expect((await second.said("code")).code).toBe("E_LOCKED");
  first.process.kill("SIGCONT");
  first.tell("assert");
  expect(await first.said("assert")).toEqual({ assert: "held" });
});

test("a takeover waits for what the dead holder left running", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  const { token } = await first.said("held");
  first.tell("child");
  const child = Number((await first.said("child")).child);
  onTestFinished(() => {
    try {
      process.kill(child, "SIGKILL");
    } catch {
      // It has ended, as it should.
    }
  });
  await first.die();

  const second = new Holder(store);
  expect((await second.said("note")).note).toContain(`waiting for processes that backup_all left running: ${child}`);
  await sleep(500);
  expect(ownerOnDisk(store).token).toBe(token);
  expect(second.lines.some((line) => "held" in line)).toBe(false);
  process.kill(child, "SIGKILL");
  expect((await second.said("held")).takenOver).toMatchObject({ token });
});

test("a process that exits without releasing leaves no lock", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  await first.said("held");
  first.tell("exit");
  await first.ended;
  expect(first.process.exitCode).toBe(0);
  expect(existsSync(path.join(store, ".lock"))).toBe(false);
});

test("a holder whose lock is removed hears of it", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  await first.said("held");
  rmSync(path.join(store, ".lock"), { recursive: true });
  expect(await first.said("compromised")).toEqual({ compromised: "E_LOCKED" });
});

test("a holder keeps its lock when only the time stamp changes", async () => {
  const store = tempDirectory();
  const first = new Holder(store);
  await first.said("held");
  writeFileSync(path.join(store, ".lock/stray"), "");
  rmSync(path.join(store, ".lock/stray"));
  await sleep(6000); // longer than the heartbeat
  first.tell("assert");
  expect(await first.said("assert")).toEqual({ assert: "held" });
  first.tell("release");
  await first.ended;
  expect(first.lines.some((line) => "compromised" in line || "stderr" in line)).toBe(false);
  expect(existsSync(path.join(store, ".lock"))).toBe(false);
});

test("of eight contenders for a dead lock one wins at a time, and one takes over", async () => {
  const store = tempDirectory();
  const rounds = 8;
  writeFileSync(path.join(store, "counter"), "0");
  const holders = Array.from({ length: 8 }, () => new Holder(store, ["--rounds", String(rounds)]));
  await Promise.all(holders.map((holder) => holder.said("ready")));
  for (let round = 0; round < rounds; round++) {
    const owner = { ...ownerOfThisProcess("backup_all", `dead-${round}`), started: "1" };
    mkdirSync(path.join(store, ".lock"));
    if (round % 4 !== 3)
      writeFileSync(path.join(store, ".lock/owner.json"), round % 4 === 2 ? "{" : JSON.stringify(owner));
    writeFileSync(path.join(store, `go-${round}`), "");
    while (holders.some((holder) => !holder.lines.some((line) => line.round === round))) {
      const ended = holders.find((holder) => holder.process.exitCode !== null && holder.process.exitCode !== 0);
      if (ended !== undefined) throw new Error(JSON.stringify(ended.lines));
      await sleep(10);
    }
    expect(readFileSync(path.join(store, "counter"), "utf8")).toBe(String((round + 1) * 8));
  }
  await Promise.all(holders.map((holder) => holder.ended));
  const notes = holders.flatMap((holder) => holder.lines.map((line) => line.note)).filter(Boolean);
  expect(notes).toHaveLength(rounds);
  expect(holders.flatMap((holder) => holder.lines).filter((line) => "stderr" in line)).toEqual([]);
});
