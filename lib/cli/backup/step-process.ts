/** Runs a step's script as part of a run: the parent holds the lock, plans the units, and sends those to be built. */
import path from "node:path";
import { loadConfig } from "../../config/load.ts";
import { asHoldfastError, EXIT, HoldfastError } from "../../errors.ts";
import { jsonLine, readJsonLines } from "../../exec/json-lines.ts";
import type { StepName } from "../../model/unit.ts";
import { type Order, orderSchema, type StepMessage } from "../../model/step-message.ts";
import { createContext } from "../../steps/core/create-context.ts";
import { LocalBuilder } from "../../steps/core/local-builder.ts";
import type { StepContext } from "../../steps/core/context.ts";
import { STEPS } from "../../steps/registry.ts";
import { readDocument } from "../../store/files/json-documents.ts";
import { inheritLock, TOKEN_VARIABLE } from "../../store/lock/acquire.ts";
import { runPlanSchema } from "../../store/run/plan.ts";
import { abortOnSignals } from "../core/signals.ts";

const send = (message: StepMessage): void => void process.stdout.write(jsonLine(message));

/** Builds units of one step as the parent asks for them; ends when it says so, or when the parent ends. */
export async function runAsSubScript(name: StepName, planFile: string): Promise<void> {
  process.umask(0o027);
  const abort = abortOnSignals();
  try {
    const context = await contextFor(planFile, abort.signal);
    const builder = new LocalBuilder(await STEPS[name].load(), context);
    try {
      await serve(builder, abort);
    } finally {
      await builder.close();
    }
  } catch (error) {
    const { code, message, hint, exitCode } = asHoldfastError(abort.signal.aborted ? abort.signal.reason : error);
    send({ type: "fatal", error: { code, message, hint } });
    process.exitCode = abort.signal.aborted ? EXIT.interrupted : exitCode;
  } finally {
    process.stdin.destroy();
  }
}

async function contextFor(planFile: string, signal: AbortSignal): Promise<StepContext> {
  const { run, staging, app, options, config, store, names, scratch, copies, seal } = readDocument(
    planFile,
    runPlanSchema,
  );
  await inheritLock(path.join(store, ".lock"), process.env[TOKEN_VARIABLE] ?? "").assertHeld();
  return createContext({
    config: loadConfig(config, process.env),
    options,
    run,
    directory: staging,
    scratch,
    copies,
    seal,
    store,
    names,
    keepsProjects: true,
    app,
    signal,
    report: send,
  });
}

/**
 * Takes orders from standard input until the last one has been carried out. The parent holds the pipe open, and the
 * kernel closes it when the parent ends for any reason.
 */
async function serve(builder: LocalBuilder, abort: AbortController): Promise<void> {
  const gone = (): void => abort.abort(new HoldfastError("E_INTERRUPTED", "the parent process is gone"));
  const working = new Set<Promise<void>>();
  let ended = false;
  const take = (order: Order): boolean => {
    ended = order.type === "end";
    if (order.type === "build") {
      const work = build(builder, order).finally(() => working.delete(work));
      working.add(work);
    }
    return !ended;
  };
  process.stdout.on("error", gone);
  const aborted = new Promise<void>((resolve) =>
    abort.signal.addEventListener("abort", () => resolve(), { once: true }),
  );
  await Promise.race([readJsonLines(process.stdin, orderSchema, take), aborted]);
  if (!ended) gone();
  await Promise.all(working);
  abort.signal.throwIfAborted();
}

async function build(builder: LocalBuilder, { id, request, xattrs }: Extract<Order, { type: "build" }>): Promise<void> {
  const onBytes = (bytes: number): void => send({ type: "progress", id, bytes });
  try {
    const { unit, ms } = await builder.build({ request, ...(xattrs === undefined ? {} : { xattrs }) }, onBytes);
    send({ type: "built", id, unit, ms, work: builder.work });
  } catch (error) {
    const { code, message, hint } = asHoldfastError(error, "E_IO");
    send({ type: "not_built", id, error: { code, message, hint }, work: builder.work });
  }
}
