/**
 * Fills `infra/`: everything is read first, so that a secret found in one file is taken out of all of them; then each
 * unit is redacted, looked at by the gate, and written.
 */
import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { asHoldfastError, type ErrorCode, HoldfastError } from "../../errors.ts";
import { runCommand } from "../../exec/command.ts";
import type { UnitMetadata } from "../../model/unit.ts";
import { linkIfSame } from "../../store/files/link-if-same.ts";
import { readCrontab } from "./crontab.ts";
import { envSample, worthSearching } from "./redact/env-sample.ts";
import { readGit } from "./git.ts";
import { findSecrets, redactText, type RedactOptions } from "./redact/text.ts";
import { scanForSecrets } from "./redact/scan.ts";
import {
  type InfraInput,
  infraUnits,
  type InfraUnit,
  readText,
  type Source,
  sourceLabel,
  type SourceText,
} from "./files/sources.ts";
import { describeTlsFile } from "./tls.ts";

export type { InfraInput } from "./files/sources.ts";

export interface InfraFailure {
  /** The name of the file that is not in `infra/`. */
  readonly unit: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly hint?: string;
}

export interface InfraResult {
  /** The written files, relative to the directory. */
  readonly files: string[];
  readonly failures: InfraFailure[];
  readonly warnings: string[];
  readonly app: UnitMetadata["app"];
  /** The files of the host that each written file was made from. */
  readonly sources: Readonly<Record<string, readonly string[]>>;
}

/** A part of a unit, as it was read. */
interface Part extends SourceText {
  /** The source, for headers and messages. */
  readonly label: string;
}

interface Loaded {
  readonly name: string;
  readonly parts: readonly Part[];
}

/** The settings command may have to start the whole application. */
const COMMAND_TIMEOUT_MS = 10 * 60_000;
export const GIT_UNIT = "git_info.txt";

/**
 * Writes the units that `input` asks for below `out` (directories 0750, files 0640). A unit of which any source is
 * missing or unreadable, or in which the gate finds a secret, is a failure and is not written; the others are. No
 * message holds a secret. A file that is the same in `earlier`, the directory of an earlier run, is linked from there.
 */
export async function collectInfra(
  input: InfraInput,
  out: string,
  signal: AbortSignal,
  earlier?: string,
): Promise<InfraResult> {
  const failures: InfraFailure[] = [];
  const warnings: string[] = [];
  const loaded: Loaded[] = [];
  let app: UnitMetadata["app"] = { commit: null, version: null, dirty: null };
  const attempt = async (unit: string, work: () => Promise<void>): Promise<void> => {
    signal.throwIfAborted();
    try {
      await work();
    } catch (error) {
      signal.throwIfAborted();
      const { code, message, hint } = asHoldfastError(error, "E_IO");
      failures.push({ unit, code, message, hint });
    }
  };

  const { repo } = input;
  if (repo !== undefined) {
    await attempt(GIT_UNIT, async () => {
      const info = await readGit(path.resolve(input.root, repo), signal);
      app = info.app;
      warnings.push(...info.warnings);
      loaded.push({ name: GIT_UNIT, parts: [{ label: GIT_UNIT, text: info.text, encoding: "utf8" }] });
    });
  }
  const known = new Set(input.knownSecrets ?? []);
  const units = await infraUnits(input);
  for (const unit of units) {
    await attempt(unit.name, async () => {
      const parts = await loadUnit(unit, input, { known, warnings, signal });
      if (parts.length > 0) loaded.push({ name: unit.name, parts });
    });
  }

  const rules = { keepValues: input.keepValues, redactKeys: input.redactKeys, knownSecrets: [...known] };
  const files: string[] = [];
  for (const { name, parts } of loaded) {
    await attempt(name, async () => {
      const redacted = parts.map((part) => ({
        ...part,
        text: redactText(part.text, { ...rules, file: part.label }).text,
      }));
      await passGate(name, redacted);
      const file = path.join(out, name);
      const content = joined(redacted);
      await mkdir(path.dirname(file), { recursive: true, mode: 0o750 });
      if (earlier === undefined || !linkIfSame(path.join(earlier, name), file, content))
        await writeFile(file, content, { mode: 0o640, flag: "wx" });
      files.push(name);
    });
  }
  const clean = (text: string): string => redactText(text, rules).text;
  return {
    files,
    failures: failures.map((failure) => ({ ...failure, message: clean(failure.message) })),
    warnings: warnings.map(clean),
    app,
    sources: Object.fromEntries(
      units
        .filter(({ name, form }) => form !== "tls" && files.includes(name))
        .map(({ name, sources }) => [name, sources.flatMap((source) => (source.kind === "file" ? [source.file] : []))]),
    ),
  };
}

interface Findings {
  readonly known: Set<string>;
  readonly warnings: string[];
  readonly signal: AbortSignal;
}

/** Reads a unit's sources, and adds the secrets in them to those that are known. */
async function loadUnit(unit: InfraUnit, input: InfraInput, { known, warnings, signal }: Findings): Promise<Part[]> {
  const parts: Part[] = [];
  for (const source of unit.sources) {
    const label = sourceLabel(source);
    if (source.kind === "unmatched") {
      warnings.push(`infra: nothing matches ${label}`);
      continue;
    }
    if (unit.form === "tls") {
      parts.push({ label, text: await describeTlsFile(present(source)).catch(rethrow), encoding: "utf8" });
      continue;
    }
    const read = await readSource(source, input, signal);
    if (read === undefined) {
      warnings.push(`no crontab exists for ${source.kind === "crontab" ? source.user : label}`);
    } else if (unit.form === "env") {
      const { text, knownSecrets } = await envSample(read.text, input);
      for (const secret of knownSecrets) known.add(secret);
      parts.push({ ...read, label, text });
    } else {
      for (const secret of secretsIn(read.text, { ...input, file: label })) known.add(secret);
      parts.push({ ...read, label });
    }
  }
  const headed = unit.form === "text" && parts.length > 1;
  return headed ? parts.map((part) => ({ ...part, text: `# file: ${part.label}\n${part.text}` })) : parts;
}

async function readSource(source: Source, input: InfraInput, signal: AbortSignal): Promise<SourceText | undefined> {
  if (source.kind === "crontab") {
    const text = await readCrontab(source.user, signal);
    return text === undefined ? undefined : { text, encoding: "utf8" };
  }
  if (source.kind === "command") {
    const { stdout } = await runCommand(source.argv, { signal, cwd: input.root, timeout: COMMAND_TIMEOUT_MS });
    return { text: `${stdout}\n`, encoding: "utf8" }; // the last line's end was taken off
  }
  return await readText(present(source));
}

function present(source: Source): string {
  if (source.kind === "file") return source.file;
  throw new HoldfastError("E_MISSING", `${sourceLabel(source)} is configured, but does not exist`, {
    hint: "create it, correct the infra section of the config, or accept the failure with a reason",
  });
}

function rethrow(error: unknown): never {
  throw asHoldfastError(error, "E_IO");
}

/**
 * The secrets of a text that are worth looking for in the others: generated ones, not words that mean something
 * elsewhere.
 */
function secretsIn(text: string, rules: RedactOptions): string[] {
  return findSecrets(text, rules)
    .flatMap(({ start, end }) => text.slice(start, end).split("\n"))
    .map((value) => value.trim())
    .filter(
      (value) =>
        value.length >= 8 && /\d/.test(value) && /[A-Za-z]/.test(value) && !/\s/.test(value) && worthSearching(value),
    );
}

async function passGate(unit: string, parts: readonly Part[]): Promise<void> {
  const [finding] = await scanForSecrets(parts.map(({ label, text }) => ({ path: label, text })));
  if (finding === undefined) return;
  throw new HoldfastError(
    "E_SECRET",
    `${unit} was not written: ${finding.path}, line ${finding.line}, holds a secret (${finding.rule})`,
  );
}

function joined(parts: readonly Part[]): Buffer {
  const last = parts.length - 1;
  return Buffer.concat(
    parts.map(({ text, encoding }, index) =>
      Buffer.from(index < last && !text.endsWith("\n") ? `${text}\n` : text, encoding),
    ),
  );
}
