import { spawn } from "node:child_process";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import {
  TOKEN_VARIABLE,
  acquireLock,
  inheritLock,
  readOwner,
  type LockOwner,
  type LockOptions,
} from "../../../../lib/store/lock/acquire.ts";
import { livenessOf, ownerOfThisProcess, processesHolding } from "../../../../lib/store/lock/process-owner.ts";
import { tempDirectory } from "../../../support/temp.ts";

/** A directory for a lock, and the lock's path in it. */
function makePlace(): { store: string; file: string; notes: string[]; options: LockOptions } {
  const store = tempDirectory();
  const notes: string[] = [];
  const options: LockOptions = {
    command: "backup_all",
    signal: new AbortController().signal,
    tmp: path.join(store, ".tmp"),
    onNote: (text) => notes.push(text),
    onCompromised: (error) => {
      throw error;
    },
  };
  return { store, file: path.join(store, ".lock"), notes, options };
}

const dead = (change: Partial<LockOwner> = {}): LockOwner => ({
  ...ownerOfThisProcess("prune", "dead-token"),
  started: "1",
  ...change,
});

function plant(file: string, content: LockOwner | string): void {
  mkdirSync(file);
  writeFileSync(path.join(file, "owner.json"), typeof content === "string" ? content : JSON.stringify(content));
}

describe("liveness", () => {
  const self = ownerOfThisProcess("backup_all", "t");
  test.each<[string, Partial<LockOwner>, string]>([
    ["this process", {}, "alive"],
    ["a pid that nobody has", { pid: 4_194_304 }, "dead"],
    ["a pid that is used again: another start time", { started: String(Number(self.started) - 1) }, "dead"],
    ["a pid from before the reboot", { boot_id: "another" }, "dead"],
    ["another host, whatever its pids", { host: "elsewhere", pid: 4_194_304 }, "unknown"],
    ["another host after a reboot of it", { host: "elsewhere", boot_id: "another" }, "unknown"],
    ["another container of this host", { pid_namespace: "pid:[1]", pid: 4_194_304 }, "unknown"],
  ])("%s", (_, change, expected) => {
    expect(livenessOf({ ...self, ...change })).toBe(expected);
  });

  test("a program whose name looks like the end of /proc/PID/stat", async () => {
    const directory = tempDirectory();
    const odd = path.join(directory, "x) Z 1 (");
    symlinkSync("/bin/sleep", odd);
    const child = spawn(odd, ["600"]);
    onTestFinished(() => void child.kill("SIGKILL"));
    const stat = (): string => readFileSync(`/proc/${child.pid}/stat`, "latin1");
    await vi.waitFor(() => expect(stat()).toContain("(x) Z 1 ()"));
    const started =
      stat()
        .slice(stat().lastIndexOf(")") + 2)
        .split(" ")[19] ?? "";
    expect(livenessOf({ ...self, pid: child.pid ?? 0, started })).toBe("alive");
  });
});

describe("taking", () => {
  test("the lock names its holder and is gone after the release", async () => {
    const { store, file, options } = makePlace();
    const lock = await acquireLock(file, options);
    expect(await readOwner(file)).toMatchObject({ command: "backup_all", pid: process.pid, token: lock.token });
    await lock.assertHeld();
    await lock.release();
    await lock.release();
    expect(await readOwner(file)).toBeNull();
    expect(existsSync(file)).toBe(false);
    expect(readdirSync(path.join(store, ".tmp"))).toEqual([]);
  });

  test("a second one in the same process is refused", async () => {
    const { file, options } = makePlace();
    const lock = await acquireLock(file, options);
    await expect(acquireLock(file, options)).rejects.toMatchObject({ code: "E_LOCKED", exitCode: 11 });
    await lock.assertHeld();
    expect(process.env[TOKEN_VARIABLE]).toBe(lock.token);
    await lock.release();
  });

  test("children carry the token of every lock, as long as one is held", async () => {
    const one = makePlace();
    const two = makePlace();
    process.env[TOKEN_VARIABLE] = "of-the-parent";
    onTestFinished(() => void delete process.env[TOKEN_VARIABLE]);
    const first = await acquireLock(one.file, one.options);
    const second = await acquireLock(two.file, two.options);
    expect(second.token).toBe(first.token);
    const child = spawn("sleep", ["600"]);
    onTestFinished(() => void child.kill("SIGKILL"));
    await vi.waitFor(() => expect(processesHolding(first.token)).toEqual([child.pid]));
    await first.release();
    expect(process.env[TOKEN_VARIABLE]).toBe(second.token);
    await second.release();
    expect(process.env[TOKEN_VARIABLE]).toBe("of-the-parent");
  });

  test("a lock file elsewhere keeps what belongs to it beside itself", async () => {
    const { store, options } = makePlace();
    const elsewhere = path.join(store, "run");
    mkdirSync(elsewhere);
    const file = path.join(elsewhere, "clara_backup.lock");
    plant(file, dead());
    const lock = await acquireLock(file, options);
    expect(readdirSync(elsewhere).toSorted()).toEqual([
      expect.stringMatching(/^\.clara_backup\.lock-dead-/),
      "clara_backup.lock",
    ]);
    await lock.release();
  });

  test("a missing parent directory is not a store", async () => {
    const { store, options } = makePlace();
    const file = path.join(store, "missing/.lock");
    await expect(acquireLock(file, options)).rejects.toMatchObject({ code: "E_STORE", exitCode: 10 });
  });

  test.each<[string, (file: string) => void]>([
    ["a file", (file) => writeFileSync(file, "4711\n")],
    ["a link", (file) => symlinkSync("/tmp", file)],
    ["a directory with other things in it", (file) => (mkdirSync(file), writeFileSync(path.join(file, "data"), "x"))],
  ])("%s in its place is left alone", async (_, make) => {
    const { file, options } = makePlace();
    make(file);
    const before = lstatSync(file, { bigint: true });
    await expect(acquireLock(file, { ...options, breakLock: true })).rejects.toMatchObject({
      code: "E_LOCKED",
      hint: expect.stringContaining("name another lock file"),
    });
    expect(lstatSync(file, { bigint: true }).mtimeNs).toBe(before.mtimeNs);
    expect(process.env[TOKEN_VARIABLE]).toBeUndefined();
  });
});

describe("taking over", () => {
  test("stale lock: an owner that is dead", async () => {
    const { file, notes, options } = makePlace();
    plant(file, dead());
    const lock = await acquireLock(file, options);
    expect(lock.takenOver).toEqual(dead({ since: lock.takenOver?.since ?? "" }));
    expect(notes).toEqual([expect.stringMatching(/^took over the lock of prune \(pid .*no longer running$/)]);
    await lock.release();
  });

  test("never by age", async () => {
    const { file, options } = makePlace();
    plant(file, { ...ownerOfThisProcess("backup_all", "old"), since: "2001-01-01T00:00:00Z" });
    utimesSync(file, 1, 1);
    await expect(acquireLock(file, options)).rejects.toMatchObject({ code: "E_LOCKED" });
  });

  test("another host's lock only when told", async () => {
    const { file, notes, options } = makePlace();
    plant(file, dead({ host: "elsewhere", boot_id: "another" }));
    await expect(acquireLock(file, options)).rejects.toMatchObject({
      code: "E_LOCKED",
      message: expect.stringContaining(`prune (pid ${process.pid} on elsewhere)`),
      hint: expect.stringContaining("--break-lock"),
    });
    const lock = await acquireLock(file, { ...options, breakLock: true });
    expect(lock.takenOver?.host).toBe("elsewhere");
    expect(notes).toEqual([expect.stringContaining("as --break-lock demands")]);
    await lock.release();
  });

  test("a living owner of this host keeps its lock, also against --break-lock", async () => {
    const { file, options } = makePlace();
    plant(file, ownerOfThisProcess("backup_all", "alive"));
    await expect(acquireLock(file, { ...options, breakLock: true })).rejects.toMatchObject({ code: "E_LOCKED" });
    expect((await readOwner(file))?.token).toBe("alive");
  });

  test.each<[string, (file: string) => void]>([
    ["no owner", (file) => mkdirSync(file)],
    ["an owner file that was cut off", (file) => plant(file, '{"host": "')],
    ["an owner whose token would lead out of the store", (file) => plant(file, dead({ token: "../../etc" }))],
  ])("a lock with %s, after a moment", async (_, make) => {
    const { file, notes, options } = makePlace();
    make(file);
    const lock = await acquireLock(file, options);
    expect(lock.takenOver).toBeNull();
    expect(notes).toEqual([expect.stringContaining("which had no owner")]);
    await lock.release();
  });

  test("not when the owner file comes within that moment", async () => {
    const { file, options } = makePlace();
    mkdirSync(file);
    const refused = expect(acquireLock(file, options)).rejects.toMatchObject({ code: "E_LOCKED" });
    setTimeout(
      () => writeFileSync(path.join(file, "owner.json"), JSON.stringify(ownerOfThisProcess("prune", "late"))),
      300,
    );
    await refused;
    expect((await readOwner(file))?.token).toBe("late");
  });

  test("not while a process that the dead owner started still runs", async () => {
    const { file, options } = makePlace();
    plant(file, dead());
    const child = spawn("sleep", ["600"], { env: { ...process.env, [TOKEN_VARIABLE]: "dead-token" } });
    onTestFinished(() => void child.kill("SIGKILL"));
    await vi.waitFor(() => expect(processesHolding("dead-token")).toEqual([child.pid]));
    let now = 0;
    const clock = vi.spyOn(performance, "now").mockImplementation(() => (now += 20_000));
    onTestFinished(() => clock.mockRestore());
    await expect(acquireLock(file, options)).rejects.toMatchObject({
      code: "E_LOCKED",
      message: expect.stringContaining(String(child.pid)),
      hint: expect.stringContaining(`kill ${child.pid}`),
    });
    expect((await readOwner(file))?.token).toBe("dead-token");
  });

  test("a signal ends the wait", async () => {
    const { file, options } = makePlace();
    mkdirSync(file);
    const control = new AbortController();
    setTimeout(() => control.abort(), 100);
    await expect(acquireLock(file, { ...options, signal: control.signal })).rejects.toMatchObject({
      name: "AbortError",
    });
    expect(process.env[TOKEN_VARIABLE]).toBeUndefined();
  });

  test("of many in one process for a dead lock one wins", async () => {
    const { file, notes, options } = makePlace();
    plant(file, dead());
    const results = await Promise.allSettled(
      Array.from({ length: 20 }, () => acquireLock(file, { ...options, signal: new AbortController().signal })),
    );
    const won = results.filter((result) => result.status === "fulfilled");
    expect(won).toHaveLength(1);
    expect(notes).toHaveLength(1);
    await won[0]?.value.release();
  });
});

describe("holding", () => {
  test("a token replaced on disk is noticed, and the other's lock is not removed", async () => {
    const { file, options } = makePlace();
    const lock = await acquireLock(file, options);
    writeFileSync(path.join(file, "owner.json"), JSON.stringify(dead()));
    await expect(lock.assertHeld()).rejects.toMatchObject({
      code: "E_LOCKED",
      message: expect.stringContaining("prune"),
    });
    await lock.release();
    expect((await readOwner(file))?.token).toBe("dead-token");
  });

  test("a sub-script inherits the lock by its token and does not release it", async () => {
    const { file, options } = makePlace();
    const lock = await acquireLock(file, options);
    const inherited = inheritLock(file, lock.token);
    await inherited.assertHeld();
    await inherited.release();
    await lock.assertHeld();
    expect(() => inheritLock(file, "another")).toThrow(expect.objectContaining({ code: "E_LOCKED" }));
    await lock.release();
    await expect(inherited.assertHeld()).rejects.toMatchObject({ code: "E_LOCKED" });
    expect(() => inheritLock(file, lock.token)).toThrow(expect.objectContaining({ code: "E_LOCKED" }));
  });
});
