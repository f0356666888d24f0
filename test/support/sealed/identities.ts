/** Identities of age, of SSH and of gpg, made with their own programs. */
import { execFileSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A private key in a file, and the public key that goes into the config. */
export interface Identity {
  readonly file: string;
  readonly recipient: string;
}

/** Makes an identity of age in `directory`. */
export function ageIdentity(directory: string, name: string): Identity {
  const file = join(directory, `${name}.txt`);
  execFileSync("age-keygen", ["-o", file], { stdio: "ignore" });
  return { file, recipient: execFileSync("age-keygen", ["-y", file], { encoding: "utf8" }).trim() };
}

/** Makes an SSH key in `directory`. */
export function sshIdentity(directory: string, name: string): Identity {
  const file = join(directory, name);
  execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "an operator", "-f", file]);
  return { file, recipient: readFileSync(`${file}.pub`, "utf8").trim() };
}

/** Makes a gpg key without a passphrase, exported to `file`; `home` is a keyring that has its public half alone. */
export function gpgIdentity(directory: string): Identity & { readonly home: string } {
  const [own, home] = [join(directory, "own"), join(directory, "gnupg")];
  for (const one of [own, home]) mkdirSync(one, { mode: 0o700 });
  const file = join(directory, "secret.asc");
  const gpg = (args: readonly string[], keyring = own): string =>
    execFileSync("gpg", ["--homedir", keyring, "--batch", "--quiet", "--pinentry-mode", "loopback", ...args], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "ignore"],
    });
  gpg(["--passphrase", "", "--quick-gen-key", "operator@example.org", "default", "default", "never"]);
  const recipient = /^fpr:+([0-9A-F]{40}):/m.exec(gpg(["--with-colons", "--list-keys"]))?.[1] ?? "";
  gpg(["--passphrase", "", "--output", file, "--armor", "--export-secret-keys"]);
  gpg(["--output", join(directory, "public.asc"), "--export"]);
  gpg(["--import", join(directory, "public.asc")], home);
  for (const keyring of [own, home])
    execFileSync("gpgconf", ["--homedir", keyring, "--kill", "gpg-agent"], { stdio: "ignore" });
  return { file, recipient, home };
}
