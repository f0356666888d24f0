/** Named pipes, which have blocking ends, unlike the pipes that Node makes for a child. */
import { execaSync } from "execa";
import { HoldfastError } from "../errors.ts";

/** Creates a FIFO that only this user may open. Throws `E_IO`. */
export function makeFifo(path: string): void {
  const { failed, stderr } = execaSync("mkfifo", ["-m", "600", "--", path], { reject: false });
  if (failed) throw new HoldfastError("E_IO", `a FIFO cannot be made at ${path}: ${stderr.trim()}`);
}
