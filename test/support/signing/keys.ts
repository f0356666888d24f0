/** SSH keys, lists of allowed signers and agents for tests. */
import { execFileSync, spawn } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { eventually } from "../runs/backup.ts";
import { makeSite, type SiteOptions, type TestSite } from "../sites/site.ts";

export interface TestKey {
  /** The private key; the public one is beside it, with `.pub`. */
  readonly file: string;
  /** Returns the line of an `allowed_signers`, with options such as `namespaces="holdfast-evidence"`. */
  line(principal: string, options?: string): string;
}

export function makeKey(directory: string, name: string, passphrase = ""): TestKey {
  const file = join(directory, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", passphrase, "-C", "", "-f", file]);
  const key = readFileSync(`${file}.pub`, "utf8").trim();
  return { file, line: (principal, options = "") => `${principal} ${options === "" ? "" : `${options} `}${key}\n` };
}

export interface SignedSite extends TestSite {
  readonly key: TestKey;
  /** The file of the signers that count, `clara@host` alone. */
  readonly signers: string;
}

/** A site whose runs are signed by `clara@host`. */
export function makeSignedSite(directory: string, { config, ...options }: SiteOptions = {}): SignedSite {
  const key = makeKey(directory, "signing key");
  const signers = join(directory, "allowed_signers");
  writeFileSync(signers, key.line("clara@host"));
  const signing = `signing: { key: "${key.file}", allowed_signers: "${signers}" }`;
  const site = makeSite(directory, { ...options, config: { audio_cache: "", snapshots: "", ...config, signing } });
  return { ...site, key, signers };
}

/** Starts an agent that has a key until the test ends; returns the environment by which programs find it. */
export async function startAgent(directory: string, key: string): Promise<{ SSH_AUTH_SOCK: string }> {
  const socket = join(directory, "agent.sock");
  const agent = spawn("ssh-agent", ["-D", "-a", socket], { stdio: "ignore" });
  onTestFinished(() => void agent.kill());
  const env = { SSH_AUTH_SOCK: socket };
  const add = (): boolean => {
    try {
      execFileSync("ssh-add", ["-q", key], { env: { ...process.env, ...env }, stdio: "ignore" });
      return true;
    } catch {
      return false;
    }
  };
  await eventually("the agent has the key", add);
  return env;
}

/** Checks the signature of a run as its RESTORE.md says; throws if it does not count. */
export const verifyByHand = (run: string, signers: string, principal = "clara@host"): void =>
  void execFileSync(
    "sh",
    [
      "-c",
      'ssh-keygen -Y verify -f "$1" -I "$2" -n holdfast-run -s SHA256SUMS.sig < SHA256SUMS && sha256sum --quiet -c SHA256SUMS',
      "sh",
      signers,
      principal,
    ],
    { cwd: run, stdio: "pipe" },
  );

/** Signs a file with `ssh-keygen`, as somebody with the key would; the signature is beside it. */
export function signByHand(key: string, namespace: string, file: string): void {
  const signature = execFileSync("ssh-keygen", ["-Y", "sign", "-q", "-n", namespace, "-f", key], {
    input: readFileSync(file),
    stdio: ["pipe", "pipe", "ignore"],
  });
  writeFileSync(`${file}.sig`, signature);
}
