/**
 * A process of its own that takes a lock: `lock-holder.ts LOCK TMP [--rounds N]`. It prints JSON lines and obeys lines on stdin:
 * `assert`, `child` (starts a `sleep` and prints its pid), `release`, `exit` (without releasing).
 */
import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { asHoldfastError } from "../../lib/errors.ts";
import { acquireLock, type Lock } from "../../lib/store/lock/acquire.ts";

const [file = "", tmp = "", , rounds] = process.argv.slice(2);
const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const acquire = async (): Promise<Lock> =>
  await acquireLock(file, {
    command: "backup_all",
    signal: new AbortController().signal,
    tmp,
    onNote: (note) => say({ note }),
    onCompromised: (error) => say({ compromised: error.code }),
  });

try {
  if (rounds === undefined) await hold();
  else await compete(Number(rounds));
} catch (error) {
  const { code, message, hint, exitCode } = asHoldfastError(error);
  say({ code, message, hint });
  process.exitCode = exitCode;
}

async function hold(): Promise<void> {
  const lock = await acquire();
  say({ held: true, token: lock.token, takenOver: lock.takenOver });
  for await (const line of createInterface({ input: process.stdin })) {
    if (line === "assert")
      say({
        assert: await lock.assertHeld().then(
          () => "held",
          (error: unknown) => asHoldfastError(error).code,
        ),
      });
    else if (line === "child") say({ child: spawn("sleep", ["600"], { detached: true, stdio: "ignore" }).pid });
    else if (line === "exit") process.exit(0);
    else break;
  }
  await lock.release();
  say({ released: true });
  process.stdin.destroy(); // a pipe that is still open would keep the process
}

/** Waits for the file `go-N` of each round, then wants the lock until it has had it. What it does under the lock only works alone. */
async function compete(last: number): Promise<void> {
  say({ ready: true });
  const beside = (name: string): string => path.join(path.dirname(file), name);
  for (let round = 0; round < last; round++) {
    while (!existsSync(beside(`go-${round}`))) await sleep(5);
    for (let had = false; !had;) {
      const lock = await acquire().catch(async (error: unknown) => {
        if (asHoldfastError(error).code !== "E_LOCKED") throw error;
        await sleep(Math.random() * 50);
      });
      if (lock === undefined) continue;
      writeFileSync(beside("alone"), String(process.pid), { flag: "wx" });
      const count = Number(readFileSync(beside("counter"), "utf8"));
      await sleep(Math.random() * 5);
      await lock.assertHeld();
      writeFileSync(beside("counter"), String(count + 1));
      rmSync(beside("alone"));
      await lock.release();
      had = true;
    }
    say({ round });
  }
}
