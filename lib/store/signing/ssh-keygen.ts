/**
 * Makes and checks signatures with `ssh-keygen -Y` (OpenSSH 8.9 or later). The format is PROTOCOL.sshsig of OpenSSH.
 * docs/adr/0016 says why a program.
 */
import { closeSync, fstatSync } from "node:fs";
import { openRegular } from "../../archive/files/regular-file.ts";
import type { Signing } from "../../config/settings/signing.ts";
import { HoldfastError, asHoldfastError, systemCode } from "../../errors.ts";
import { runCommand, type CommandResult } from "../../exec/command.ts";

/** The purpose of a signature: one for the other is refused. */
export type Namespace = "holdfast-run" | "holdfast-evidence";

/** The answer to whether a signature counts. */
export type Verdict =
  | { readonly valid: true; /** The signer as `allowed_signers` names it. */ readonly principal: string }
  | {
      readonly valid: false;
      /** `is not by an allowed signer: …`, after the name of the signature. */ readonly why: string;
    };

export interface Signed {
  readonly namespace: Namespace;
  readonly content: Uint8Array;
  /** Absolute path of the file that holds the signature. */
  readonly signature: string;
  /** The time of the signature: the key must have been valid then. */
  readonly at: Date;
  /** The only signer that counts; when absent each that `allowed_signers` has. */
  readonly principal?: string | undefined;
}

const PROGRAM = "ssh-keygen";
/** A signature of RSA with 16384 bits, or of a certificate, has less. */
const MOST_SIGNATURE = 64 * 1024;
/** An agent may ask its user to confirm, or to touch a key. */
const SIGN_MS = 120_000;
const CHECK_MS = 60_000;
/** No prompt: without a terminal, `ssh-keygen` would look for a window; the password program answers nothing. */
const QUIET = { LC_ALL: "C", SSH_ASKPASS: "/bin/false", SSH_ASKPASS_REQUIRE: "force", DISPLAY: undefined };

/**
 * Returns the armoured signature of `content`. Throws `E_SIGNING`: no key, a passphrase that nobody gives, an agent
 * without the key, no `ssh-keygen`.
 */
export async function sign(
  { key }: Signing,
  { namespace, content }: Pick<Signed, "namespace" | "content">,
  signal: AbortSignal,
): Promise<string> {
  if (key === undefined) throw new HoldfastError("E_SIGNING", "no key is configured to sign with");
  try {
    const { stdout } = await runCommand([PROGRAM, "-Y", "sign", "-n", namespace, "-f", key, "-"], {
      signal,
      env: QUIET,
      input: content,
      timeout: SIGN_MS,
    });
    if (/^-----BEGIN SSH SIGNATURE-----\n[^-]+\n-----END SSH SIGNATURE-----$/.test(stdout.trimEnd()))
      return `${stdout.trimEnd()}\n`;
    throw new HoldfastError("E_SIGNING", `${PROGRAM} printed no signature`);
  } catch (error) {
    signal.throwIfAborted();
    const { message } = asHoldfastError(error);
    const hint = isMissing(message) ? "apt install openssh-client" : undefined;
    throw new HoldfastError("E_SIGNING", `nothing could be signed with ${key}: ${message}`, {
      ...(hint === undefined ? {} : { hint }),
      cause: error,
    });
  }
}

/**
 * Checks a signature. One that is missing or counts for nothing is a verdict. Throws `E_SIGNATURE` if nothing can be
 * checked, for lack of `ssh-keygen`.
 */
export async function checkSignature(
  { allowed_signers: file }: Signing,
  { namespace, content, signature, at, principal }: Signed,
  signal: AbortSignal,
): Promise<Verdict> {
  const wrong = whyNotReadable(signature);
  if (wrong !== undefined) return { valid: false, why: wrong };
  const common = ["-s", signature, "-f", file, `-Overify-time=${timeText(at)}`];
  const run = async (argv: readonly string[], input?: Uint8Array): Promise<CommandResult> =>
    await keygen([...argv, ...common], input, signal);
  const found = principal ?? (await findPrincipal(run));
  if (typeof found !== "string") return { valid: false, why: `is not by an allowed signer: ${found.why}` };
  const { exitCode, stderr } = await run(["-Y", "verify", "-n", namespace, "-I", found], content);
  if (exitCode === 0) return { valid: true, principal: found };
  const whose = principal === undefined ? "" : `, or not by ${principal}`;
  return { valid: false, why: `does not belong to this content${whose}: ${reason(stderr)}` };
}

/** The file may be anything: whoever can write to the store has put it there. */
function whyNotReadable(signature: string): string | undefined {
  try {
    const opened = openRegular(signature, "E_SIGNATURE");
    try {
      return fstatSync(opened).size > MOST_SIGNATURE ? "is too long for a signature" : undefined;
    } finally {
      closeSync(opened);
    }
  } catch (error) {
    return systemCode(error) === "ENOENT" ? "is missing" : `cannot be read: ${asHoldfastError(error).message}`;
  }
}

async function findPrincipal(
  run: (argv: readonly string[]) => Promise<CommandResult>,
): Promise<string | { readonly why: string }> {
  const { exitCode, stdout, stderr } = await run(["-Y", "find-principals"]);
  const [first] = stdout.split("\n");
  return exitCode === 0 && first !== undefined && first !== "" ? first : { why: reason(stderr) };
}

async function keygen(
  argv: readonly string[],
  input: Uint8Array | undefined,
  signal: AbortSignal,
): Promise<CommandResult> {
  try {
    return await runCommand([PROGRAM, ...argv], {
      signal,
      env: QUIET,
      ...(input === undefined ? {} : { input }),
      okExitCodes: [0, 1, 255],
      timeout: CHECK_MS,
    });
  } catch (error) {
    signal.throwIfAborted();
    const { message } = asHoldfastError(error);
    throw new HoldfastError("E_SIGNATURE", `no signature can be checked: ${message}`, {
      ...(isMissing(message) ? { hint: "apt install openssh-client" } : {}),
      cause: error,
    });
  }
}

const isMissing = (message: string): boolean => message.includes("is not installed");

/** Returns what `ssh-keygen` said, on one line. */
const reason = (stderr: string): string => {
  const said = stderr.split("\n").flatMap((line) => (line.trim() === "" ? [] : [line.trim()]));
  return said.slice(0, 3).join("; ") || "it gave no reason";
};

/** Returns a time as `ssh-keygen` takes it, `20261120020000Z`. */
const timeText = (at: Date): string => `${at.toISOString().slice(0, 19).replaceAll(/[-:T]/g, "")}Z`;
