/**
 * Commands within the process of a test: the same code, arguments, output and exit status as of a script, without the
 * quarter of a second that each process costs, of which a backup starts eight. What a process of its own decides is
 * tested with one (`runBuilt`): signals, kills, other users, standard input, memory, the steps' own processes.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Writable } from "node:stream";
import * as v8 from "node:v8";
import * as vm from "node:vm";
import { builtCommands, builtScript } from "./build.ts";
import { jsonLines, type RunResult } from "./run.ts";

interface Commands {
  /** The table of commands; a row's script has its name where it says none. */
  readonly COMMANDS: Readonly<Record<string, { readonly script?: string }>>;
  readonly runScript: (name: string) => Promise<void>;
}

/** What a command has in place of its process's own, for as long as it runs. */
interface Stage {
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  readonly stdout: Writable;
  readonly stderr: Writable;
  exitCode: number;
}

let stage: Stage | undefined;
let commands: Commands | undefined;
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
  const { COMMANDS, runScript } = (commands ??= loadCommands());
  const command = Object.keys(COMMANDS).find((key) => (COMMANDS[key]?.script ?? key) === name) ?? name;
  const output = { stdout: "", stderr: "" };
  const collect = (stream: keyof typeof output): Writable =>
    new Writable({
      decodeStrings: false,
      write(chunk: string | Buffer, _encoding, done) {
        output[stream] += chunk.toString();
        done();
      },
    });
  const own: Stage = {
    argv: [process.execPath, builtScript(name), ...args],
    env: { ...process.env, ...env },
    stdout: collect("stdout"),
    stderr: collect("stderr"),
    exitCode: 0,
  };
  const umask = process.umask();
  stage = own;
  try {
    await runScript(command);
  } finally {
    stage = undefined;
    process.umask(umask);
  }
  return { code: own.exitCode, signal: null, ...output, json: jsonLines(output.stdout) };
}

function loadCommands(): Commands {
  const file = builtCommands();
  const script = new vm.Script(readFileSync(file, "utf8"), { filename: file });
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- bundle-in-process.ts has written it
  const main = script.runInThisContext() as (require: unknown, own: NodeJS.Process, file: string) => Commands;
  const required = createRequire(file);
  const own = stagedProcess();
  // The heap is that of the tests: no command sets its limits, or collects its garbage (lib/exec/v8-memory.ts).
  const replaced: Readonly<Record<string, unknown>> = {
    "node:v8": { ...v8, setFlagsFromString: () => {} },
    "node:vm": { ...vm, runInNewContext: () => undefined },
    "node:process": own,
  };
  return main((id: string) => replaced[id] ?? required(id), own, file);
}

/** The process of the tests, but for what the running command has of its own, signals and its end. */
function stagedProcess(): NodeJS.Process {
  const staged: object = {
    on: () => {},
    exit: () => {
      throw new Error("the command ends its process: run it as one");
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
