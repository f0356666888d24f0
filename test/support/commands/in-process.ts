/**
 * Commands within the process of a test: the same code, arguments, output and exit status as of a script, without the
 * quarter of a second that each process costs, of which a backup starts eight. What a process of its own decides is
 * tested with one (`runBuilt`): signals, kills, other users, standard input, memory, the steps' own processes.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Writable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import * as v8 from "node:v8";
import * as vm from "node:vm";
import { builtCommands, builtScript } from "./build.ts";
import { jsonLines, type RunResult } from "./run.ts";

interface Row {
  /** The row's own name where there is none. */
  readonly script?: string;
}

/** What bundle-in-process.ts exports. */
interface Commands {
  readonly COMMANDS: Readonly<Record<string, Row>>;
  readonly STEP_COMMANDS: Readonly<Record<string, Row>>;
  readonly runHoldfast: () => Promise<void>;
  readonly runScript: (name: string, verb?: string) => Promise<void>;
}

/** What a command has in place of its process's own, for as long as it runs. */
interface Stage {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Writable;
  readonly stderr: Writable;
  exitCode: number;
  hasExited: boolean;
}

let stage: Stage | undefined;
/** The commands of scripts, and those of `holdfast`, which name themselves otherwise in what they print. */
const loaded: { scripts?: Commands; holdfast?: Commands } = {};
let last: Promise<unknown> = Promise.resolve();

/** Runs a script's command to its end; one at a time. */
export async function runInProcess(
  name: string,
  args: readonly string[],
  { env = {} }: { readonly env?: Readonly<Record<string, string | undefined>> } = {},
): Promise<RunResult> {
  const result = last.then(async () => await run(name, args, env));
  last = result.catch(() => {});
  return await result;
}

async function run(
  name: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<RunResult> {
  const output = { stdout: "", stderr: "" };
  const collect = (stream: keyof typeof output): Writable =>
    new Writable({
      decodeStrings: false,
      write(chunk: string | Buffer, _encoding, done) {
        if (!own.hasExited) output[stream] += chunk.toString();
        done();
      },
    });
  const own: Stage = {
    argv: [process.execPath, builtScript(name), ...args],
    env: { ...process.env, ...env },
    stdout: collect("stdout"),
    stderr: collect("stderr"),
    exitCode: 0,
    hasExited: false,
  };
  const umask = process.umask();
  const started = Date.now();
  stage = own;
  try {
    await start(name);
  } catch (error) {
    if (!own.hasExited) throw error;
  } finally {
    stage = undefined;
    process.umask(umask);
  }
  if (name.startsWith("backup_")) await secondAfter(started + RUN_NAMED_MS);
  return { code: own.exitCode, signal: null, ...output, json: jsonLines(output.stdout) };
}

/** A backup has named its run by this time, from the clock's second. */
const RUN_NAMED_MS = 300;

/** Waits for the next second of the clock: two runs of one second would be warned of, as of a clock that went back. */
async function secondAfter(time: number): Promise<void> {
  await sleep(Math.max(0, (Math.floor(time / 1000) + 1) * 1000 - Date.now()));
}

async function start(script: string): Promise<void> {
  if (script === "holdfast") return await (loaded.holdfast ??= loadCommands()).runHoldfast();
  const { COMMANDS, STEP_COMMANDS, runScript } = (loaded.scripts ??= loadCommands());
  const keyIn = (rows: Readonly<Record<string, Row>>): string | undefined =>
    Object.keys(rows).find((key) => (rows[key]?.script ?? key) === script);
  const step = keyIn(STEP_COMMANDS);
  await (step === undefined ? runScript(keyIn(COMMANDS) ?? script) : runScript("step", step));
}

function loadCommands(): Commands {
  const file = builtCommands();
  const script = new vm.Script(readFileSync(file, "utf8"), { filename: file });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- bundle-in-process.ts has written it
  const main = script.runInThisContext() as (
    require: unknown,
    process: NodeJS.Process,
    console: Console,
    file: string,
  ) => Commands;
  const required = createRequire(file);
  const own = stagedProcess();
  const write = (stream: "stdout" | "stderr") => (text: string) => void own[stream].write(`${text}\n`);
  const printer = { ...console, log: write("stdout"), error: write("stderr") };
  // The heap is that of the tests: no command sets its limits, or collects its garbage (lib/exec/v8-memory.ts).
  const replaced: Readonly<Record<string, unknown>> = {
    "node:v8": { ...v8, setFlagsFromString: () => {} },
    "node:vm": { ...vm, runInNewContext: () => undefined },
    "node:process": own,
  };
  return main((id: string) => replaced[id] ?? required(id), own, printer, file);
}

/** The process of the tests, but for what the running command has of its own, signals and its end. */
function stagedProcess(): NodeJS.Process {
  const staged: object = {
    on: () => {},
    exit: (code?: number) => {
      if (stage !== undefined) Object.assign(stage, { exitCode: code ?? stage.exitCode, hasExited: true });
      throw new Error("the process has ended");
    },
  };
  return new Proxy(process, {
    get(target, key) {
      for (const own of [stage, staged]) if (own !== undefined && Object.hasOwn(own, key)) return Reflect.get(own, key);
      return Reflect.get(target, key, target) as unknown;
    },
    set(target, key, value) {
      return stage !== undefined && key === "exitCode"
        ? Reflect.set(stage, key, value)
        : Reflect.set(target, key, value, target);
    },
  });
}
