/**
 * Progress of commands that work in phases: a bar on a terminal, a line a phase in a pipe, status lines with `--json`.
 */
import { bar } from "./bar.ts";
import { colors as pc } from "./colors.ts";
import { formatBytes } from "./format.ts";
import { printable } from "./printable.ts";
import { liveText } from "./terminal.ts";

export interface PhaseReport {
  /** Begins a phase; a command that knows how many bytes it has to work through says so by `bytes`. */
  phase(name: string): void;
  /** Bytes of the phase so far, and about how many there are. */
  bytes(done: number, total: number): void;
  /** Prints a line of the result on standard output. */
  say(line: string): void;
  end(): void;
}

export interface PhaseFlags {
  readonly json: boolean;
  readonly quiet: boolean;
  readonly verbose: boolean;
}

const EVERY_MS = 250;

/**
 * Reports to standard error, and with `--json` to standard output. Nothing but results with `--quiet`. Where the
 * results are `lines` enough, a pipe gets those alone, and JSON has status lines with `--verbose`.
 */
export function phaseReport(flags: PhaseFlags, lines: "phases" | "results" = "phases"): PhaseReport {
  const { quiet } = flags;
  const json = flags.json && (lines === "phases" || flags.verbose);
  const isLive = process.stderr.isTTY && !flags.json && !quiet;
  const block = isLive ? liveText(process.stderr) : undefined;
  const startedMs = Date.now();
  let state = { phase: "", begunMs: startedMs, done: 0, total: 0 };
  let lastMs = 0;
  const show = (): void => {
    lastMs = Date.now();
    if (json) process.stdout.write(`${JSON.stringify(statusOf(state, startedMs))}\n`);
    else block?.draw(lineOf(state));
  };
  return {
    phase: (phase) => {
      state = { phase, begunMs: Date.now(), done: 0, total: 0 };
      if (json || isLive) show();
      else if (!quiet && !flags.json && lines === "phases") process.stderr.write(`${phase} …\n`);
    },
    bytes: (done, total) => {
      state = { ...state, done, total };
      if (Date.now() - lastMs >= EVERY_MS) show();
    },
    say: (line) => {
      block?.clear();
      process.stdout.write(`${printable(line)}\n`);
    },
    end: () => {
      block?.clear();
      block?.done();
    },
  };
}

interface State {
  readonly phase: string;
  readonly begunMs: number;
  readonly done: number;
  readonly total: number;
}

const fractionOf = ({ done, total }: State): number => (total > 0 ? Math.min(1, done / total) : 0);

/** Seconds left at the pace so far; undefined before there is one. */
function secondsLeft(state: State): number | undefined {
  const fraction = fractionOf(state);
  return fraction < 0.02 ? undefined : Math.ceil(((Date.now() - state.begunMs) / 1000) * (1 / fraction - 1));
}

/** A status line with restic's names. */
function statusOf(state: State, startedMs: number): Record<string, unknown> {
  const left = secondsLeft(state);
  return {
    message_type: "status",
    phase: state.phase,
    seconds_elapsed: Math.round((Date.now() - startedMs) / 1000),
    percent_done: fractionOf(state),
    ...(left === undefined ? {} : { seconds_remaining: left }),
    ...(state.total > 0 ? { total_bytes: state.total, bytes_done: state.done } : {}),
  };
}

function lineOf(state: State): string {
  if (state.total === 0) return pc.dim(`${state.phase} …`);
  const fraction = fractionOf(state);
  const left = secondsLeft(state);
  const figures = [
    `${Math.floor(fraction * 100)} %`,
    `${formatBytes(state.done)} of ${formatBytes(state.total)}`,
    ...(left === undefined ? [] : [`${left} s left`]),
  ];
  return `${state.phase.padEnd(10)} ${bar(fraction)} ${figures.join("  ")}`;
}
