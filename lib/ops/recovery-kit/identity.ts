/** The identity in a recovery kit: tried on the newest run, and sealed by a passphrase. */
import { chmodSync, constants, copyFileSync, readFileSync } from "node:fs";
import path from "node:path";
import { privateDirectory } from "../../database/access/private-directory.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { runOnTerminal } from "../../exec/terminal-command.ts";
import type { Report } from "../../model/event.ts";
import { STEP_NAMES } from "../../model/unit.ts";
import { runDirectory } from "../../store/files/layout.ts";
import { findStore } from "../../store/open.ts";
import { readStepMetadata } from "../../store/run/step-index.ts";
import { sealOf, smallestSealed } from "../../store/seal/names.ts";
import { latestRun } from "../runs/find-run.ts";
import { openerFor } from "../sealed/opener.ts";

const PLAIN_NAME = "identity.txt";
const SEALED_NAME = `${PLAIN_NAME}.age`;

/** The form in which the kit holds the identity. */
export type KeptIdentity = "sealed" | "plain" | "none";

interface Frame {
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** Opens the smallest artifact of the latest run. Throws `E_KEY` for an identity that does not open it. */
export async function tryIdentity(store: string, identity: string, { signal, report }: Frame): Promise<void> {
  const artifact = await smallestArtifact(store);
  const program = sealOf(artifact ?? "");
  if (artifact === undefined || program === undefined) {
    const text = `the identity was not tried: there is no sealed run in ${store}`;
    report({ type: "note", level: "warning", text });
    return;
  }
  const directory = privateDirectory(signal);
  try {
    const opener = await openerFor(program, { files: [path.resolve(identity)] }, signal);
    await opener.open(artifact, path.join(directory.path, "opened")).finally(() => opener.close());
  } finally {
    directory.remove();
  }
}

/** Returns the path of the smallest sealed artifact of the latest run; undefined without a store or a sealed run. */
async function smallestArtifact(dest: string): Promise<string | undefined> {
  const store = await findStore(dest).catch((error: unknown) => {
    if (asHoldfastError(error).code === "E_STORE") return undefined;
    throw error;
  });
  const run = store === undefined ? undefined : latestRun(store.path);
  if (store === undefined || run === undefined) return undefined;
  const directory = runDirectory(store.path, run);
  const smallest = smallestSealed(STEP_NAMES.flatMap((step) => [...readStepMetadata(directory, step)]));
  return smallest === undefined ? undefined : path.join(directory, smallest.path);
}

/** Copies the identity into a kit as it is, mode 0600. */
export function keepPlain(directory: string, identity: string, { report }: Frame): void {
  const text = `${PLAIN_NAME} of the kit is not sealed: whoever reads the kit can read every backup`;
  report({ type: "note", level: "warning", text });
  const file = path.join(directory, PLAIN_NAME);
  copyFileSync(identity, file, constants.COPYFILE_EXCL);
  chmodSync(file, 0o600);
}

/**
 * Seals the identity into a kit by a passphrase, which `age` asks for on the terminal, and opens it again to prove that.
 * Throws `E_KEY` without a terminal, or for a passphrase that does not open it.
 */
export async function keepSealed(directory: string, identity: string, { signal, report }: Frame): Promise<void> {
  const file = path.join(directory, SEALED_NAME);
  const note = (text: string): void => report({ type: "note", level: "info", text });
  note("age asks for a new passphrase for the identity, twice: write it down where you keep neither kit nor backups");
  await askAge(["--passphrase", "--output", file, "--", path.resolve(identity)], signal);
  chmodSync(file, 0o600);
  note("once more, to prove that the passphrase opens it");
  if ((await askAge(["--decrypt", "--", file], signal)) === readFileSync(identity, "latin1")) return;
  throw new HoldfastError("E_KEY", `${SEALED_NAME} opens to something else than ${identity}`);
}

async function askAge(args: readonly string[], signal: AbortSignal): Promise<string> {
  try {
    return await runOnTerminal(["age", ...args], { signal, code: "E_KEY" });
  } catch (error) {
    signal.throwIfAborted();
    throw new HoldfastError("E_KEY", `the identity was not sealed: ${asHoldfastError(error).message}`, {
      hint: "install age, and type the same passphrase each time on a terminal; --plain-identity leaves it unsealed",
      cause: error,
    });
  }
}
