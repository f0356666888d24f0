/**
 * What a target acknowledged of a run that is being pushed, a line for each file: `.tmp/push/<target>/<run>.jsonl` of the
 * store. A push that was killed goes on after the last line; the receipt takes its place in the end.
 */
import { appendFileSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { stateDirectory } from "../core/state.ts";
import { receivedFileSchema, type ReceivedFile } from "../core/receipt.ts";

export class PushJournal {
  readonly #file: string;

  constructor(store: string, target: string, run: string) {
    this.#file = path.join(stateDirectory(store, target), `${run}.jsonl`);
  }

  /** Returns what was acknowledged, of this address. */
  read(address: string): ReceivedFile[] {
    let text: string;
    try {
      text = readFileSync(this.#file, "utf8");
    } catch {
      return []; // a push that begins
    }
    const [head, ...lines] = text.split("\n");
    if (head !== JSON.stringify({ address })) return [];
    return lines.flatMap((line) => {
      try {
        return [receivedFileSchema.parse(JSON.parse(line))];
      } catch {
        return []; // cut off by the crash
      }
    });
  }

  /** Begins anew with what is known. */
  begin(address: string, known: readonly ReceivedFile[]): void {
    rmSync(this.#file, { force: true });
    mkdirSync(path.dirname(this.#file), { recursive: true, mode: 0o700 });
    this.#write(JSON.stringify({ address }));
    known.forEach((file) => this.add(file));
  }

  add(file: ReceivedFile): void {
    this.#write(JSON.stringify(file));
  }

  remove(): void {
    rmSync(this.#file, { force: true });
  }

  #write(line: string): void {
    appendFileSync(this.#file, `${line}\n`, { mode: 0o600 });
  }
}
