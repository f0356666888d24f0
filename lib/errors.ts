/**
 * The one table of errors: each code, the exit status and HTTP status it maps to, and what a person can do about it
 * when the place that raised it has nothing better to say. DESIGN.md, "Commands", fixes the exit statuses.
 */

/** Exit statuses of every command. */
export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  store: 10,
  locked: 11,
  key: 12,
  verification: 13,
  incompatible: 14,
  target: 15,
  interrupted: 130,
} as const;

interface ErrorRow {
  readonly exit: number;
  readonly http: number;
  readonly hint: string;
}

export const ERRORS = {
  // The command as a whole.
  E_USAGE: { exit: EXIT.usage, http: 400, hint: "run the command with --help to see its flags" },
  E_CONFIG: {
    exit: EXIT.usage,
    http: 400,
    hint: "correct the config file; config/site.example.yaml explains every key",
  },
  E_STORE: { exit: EXIT.store, http: 503, hint: "check that --dest names the store and that its disk is mounted" },
  E_LOCKED: { exit: EXIT.locked, http: 409, hint: "wait until the other command has ended" },
  E_VERIFY: {
    exit: EXIT.verification,
    http: 422,
    hint: "do not restore from this run before the named files are explained",
  },
  E_VERSION: { exit: EXIT.incompatible, http: 422, hint: "use a Holdfast that knows this format version" },
  E_INTERRUPTED: {
    exit: EXIT.interrupted,
    http: 499,
    hint: "start it again; a backup keeps its finished units with --resume",
  },
  E_REMOTE: {
    exit: EXIT.target,
    http: 502,
    hint: "check the target in the config, its credentials and the network; push again sends only what is missing",
  },
  E_NO_SPACE: { exit: EXIT.failed, http: 507, hint: "free some space on the store's disk and run it again" },
  E_RUN_UNKNOWN: { exit: EXIT.failed, http: 404, hint: "npx tsx scripts/list.ts shows the runs of the store" },
  E_PROTECTED: { exit: EXIT.failed, http: 409, hint: "this run holds the last good copy of something; keep it" },
  E_CONFIRM: {
    exit: EXIT.usage,
    http: 409,
    hint: "read the plan; then type RESTORE when asked, or give --yes",
  },
  E_TARGET: {
    exit: EXIT.failed,
    http: 409,
    hint: "nothing was changed; restore to a directory with --to instead, or move what is in the way",
  },
  E_SAFETY: {
    exit: EXIT.failed,
    http: 409,
    hint: "nothing was changed; --no-safety continues without a safety backup, and asks for a reason",
  },
  E_CYCLE: { exit: EXIT.failed, http: 409, hint: "choose another key for one of these tables under portable.keys" },
  E_IMPORT: {
    exit: EXIT.failed,
    http: 409,
    hint: "nothing was changed: correct the rows, or the database, and import again",
  },
  E_PACKAGE: { exit: EXIT.verification, http: 409, hint: "nothing was changed: make or fetch the export again" },
  E_SCHEMA: {
    exit: EXIT.incompatible,
    http: 409,
    hint: "deploy the code that the backup was made with, or give --allow-newer-schema",
  },
  E_SETTINGS: {
    exit: EXIT.incompatible,
    http: 409,
    hint: "nothing was changed: make the settings equal, or give --ignore-config-diff",
  },
  E_RESTORE: {
    exit: EXIT.failed,
    http: 500,
    hint: "the previous state was kept; correct the cause and start the restore again",
  },
  E_PENDING: {
    exit: EXIT.failed,
    http: 409,
    hint: "npx tsx scripts/restore.ts --recover ID finishes it or rolls it back; --confirm or --rollback end one that is done",
  },
  E_NOTHING: { exit: EXIT.failed, http: 500, hint: "see the failures above; nothing was published" },
  E_INTERNAL: { exit: EXIT.failed, http: 500, hint: "run it again with --verbose and report what it prints" },
  // One step or one unit.
  E_STEP_DIED: { exit: EXIT.partial, http: 500, hint: "see run.log; the other steps are not affected" },
  E_PROJECTS: { exit: EXIT.partial, http: 500, hint: "check projects.query and that the database answers" },
  E_MISSING: {
    exit: EXIT.partial,
    http: 404,
    hint: "create it, correct the config, or accept the failure with a reason",
  },
  E_OUTSIDE: {
    exit: EXIT.partial,
    http: 422,
    hint: "a value of this row points outside the site's root; correct the row",
  },
  E_LINK: {
    exit: EXIT.partial,
    http: 403,
    hint: "remove the link, or trust it: chown -h root LINK",
  },
  E_CLAIM: {
    exit: EXIT.partial,
    http: 409,
    hint: "every path belongs to one unit: correct the row or the config, or accept the failure with a reason",
  },
  E_UNREADABLE: { exit: EXIT.partial, http: 403, hint: "give the backup user the right to read it" },
  E_CHANGED: {
    exit: EXIT.partial,
    http: 409,
    hint: "it kept changing while it was read; back it up at a quieter hour",
  },
  E_COMMAND: { exit: EXIT.partial, http: 500, hint: "run the command manually as the same user" },
  E_TIMEOUT: { exit: EXIT.partial, http: 504, hint: "raise its time limit or find out what it waits for" },
  E_DATABASE: { exit: EXIT.partial, http: 503, hint: "check database.url, the credentials and that the server runs" },
  E_DUMP: {
    exit: EXIT.partial,
    http: 500,
    hint: "the dump lacks part of the database; look at the server's log",
  },
  E_SQLITE: { exit: EXIT.partial, http: 500, hint: "check the file with: sqlite3 FILE 'pragma integrity_check'" },
  E_SECRET: { exit: EXIT.partial, http: 422, hint: "name the key in infra.redact, or remove the secret from the file" },
  E_REFERENCE: { exit: EXIT.partial, http: 422, hint: "the unit names files that cannot be placed in the bundle" },
  E_IO: { exit: EXIT.partial, http: 500, hint: "check the disk and its file system" },
  E_ARCHIVE: {
    exit: EXIT.verification,
    http: 422,
    hint: "the archive is damaged or hostile; take the unit from another run",
  },
  // Skipped: listed, never a reason for another exit status.
  nothing_compiled: { exit: EXIT.ok, http: 200, hint: "compile the project if it should be published" },
  deleted_during_run: { exit: EXIT.ok, http: 200, hint: "the project was deleted during the run" },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof ERRORS;

/** Checks whether a text, from another process or thread, is a code of the table. */
export const isErrorCode = (code: string): code is ErrorCode => Object.hasOwn(ERRORS, code);

/** An error that a person can act on: a code from the table, one line of what happened, one line of what to do. */
export class HoldfastError extends Error {
  readonly code: ErrorCode;
  readonly hint: string;

  constructor(code: ErrorCode, message: string, options: { hint?: string; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.name = "HoldfastError";
    this.code = code;
    this.hint = options.hint ?? ERRORS[code].hint;
  }

  get exitCode(): number {
    return ERRORS[this.code].exit;
  }
}

/** The system error code (`ENOENT`, `ENOSPC` …) of an error or of one of its causes, if there is one. */
export function systemCode(error: unknown): string | undefined {
  for (let current = error, depth = 0; current instanceof Error && depth < 8; current = current.cause, depth++) {
    if ("code" in current && typeof current.code === "string" && /^E[A-Z0-9]+$/.test(current.code)) return current.code;
  }
  return undefined;
}

/**
 * Turns whatever was thrown into a HoldfastError, keeping it as the cause; `fallback` is the code when nothing better
 * is known.
 */
export function asHoldfastError(error: unknown, fallback: ErrorCode = "E_INTERNAL"): HoldfastError {
  if (error instanceof HoldfastError) return error;
  const message = error instanceof Error ? error.message : String(error);
  const system = systemCode(error);
  if (error instanceof Error && error.name === "AbortError")
    return new HoldfastError("E_INTERRUPTED", "interrupted", { cause: error });
  if (system === "ENOSPC" || system === "EDQUOT")
    return new HoldfastError("E_NO_SPACE", `no space left: ${message}`, { cause: error });
  if (system === "EACCES" || system === "EPERM") return new HoldfastError("E_UNREADABLE", message, { cause: error });
  if (system === "ENOENT" && fallback !== "E_INTERNAL")
    return new HoldfastError("E_MISSING", message, { cause: error });
  return new HoldfastError(fallback, message, { cause: error });
}

/** Checks whether an error means that the disk or the quota is full. */
export const isDiskFull = (error: unknown): boolean =>
  (error instanceof HoldfastError && error.code === "E_NO_SPACE") ||
  ["ENOSPC", "EDQUOT"].includes(systemCode(error) ?? "");
