/** The manual way back from an unpacked compiled bundle to the trees that it was made of. */
import { execFileSync } from "node:child_process";
import { existsSync, rmSync } from "node:fs";
import path from "node:path";

/** Turns an unpacked bundle into its trees, in place, by the commands that lib/steps/compiled/bundle.ts documents. */
export function restoreBundle(directory: string, reserved: { multimedia: string; original: string }): void {
  const originals = path.join(directory, reserved.original);
  rmSync(path.join(directory, reserved.multimedia), { recursive: true, force: true });
  if (!existsSync(originals)) return;
  execFileSync("find", [".", "-type", "f", "-exec", "cp", "-p", "{}", "../{}", ";"], { cwd: originals });
  rmSync(originals, { recursive: true });
}
