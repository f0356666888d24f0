/** A client program (psql, mariadb) that is asked one thing after the other through its standard input. */
import { HoldfastError, asHoldfastError } from "../errors.ts";
import type { RunningCommand } from "../exec/command.ts";

interface Question {
  readonly end: string;
  /** Hears each line instead of the answer being collected; true says that it was the last. */
  readonly onLine?: (line: string) => boolean;
  /** Settles when the taker of the lines has room again. */
  readonly room?: () => Promise<unknown>;
  readonly resolve: (answer: string) => void;
  readonly reject: (error: HoldfastError) => void;
}

export class ClientSession {
  readonly #command: RunningCommand;
  #answer: string[] = [];
  #tail = "";
  #question: Question | undefined;
  #failure: HoldfastError | undefined;

  constructor(command: RunningCommand) {
    this.#command = command;
    command.stdin.on("error", () => {}); // the program has ended: `done` says why
    const { stdout } = command;
    stdout.setEncoding("utf8").on("data", (text: string) => {
      const { room } = this.#question ?? {};
      this.#hear(text);
      if (room === undefined) return;
      stdout.pause();
      room().then(
        () => stdout.resume(),
        (error: unknown) => this.fail(asHoldfastError(error, "E_DATABASE")),
      );
    });
    const lost = new HoldfastError("E_DATABASE", "the session with the database has ended");
    command.done.then(
      () => this.fail(lost),
      (error: unknown) => this.fail(asHoldfastError(error, "E_DATABASE")),
    );
  }

  /** Sends `text` and gives what was printed before `end`, which must be the last that the program prints in answer. */
  async ask(text: string, end: string): Promise<string> {
    if (this.#question !== undefined)
      throw new HoldfastError("E_INTERNAL", "a database session got two queries at once");
    if (this.#failure !== undefined) throw this.#failure;
    return await new Promise<string>((resolve, reject) => {
      this.#question = { end, resolve, reject };
      this.#command.stdin.write(text);
    });
  }

  /**
   * Sends `text` and hands over each line of the answer, until `onLine` returns true for the last. Memory is that of
   * one line; with `room`, nothing more is read before it settles.
   */
  async lines(text: string, onLine: (line: string) => boolean, room?: () => Promise<unknown>): Promise<void> {
    if (this.#question !== undefined)
      throw new HoldfastError("E_INTERNAL", "a database session got two queries at once");
    if (this.#failure !== undefined) throw this.#failure;
    await new Promise<string>((resolve, reject) => {
      this.#question = { end: "", onLine, ...(room === undefined ? {} : { room }), resolve, reject };
      this.#command.stdin.write(text);
    });
  }

  /** Ends the question under way, and all later ones, with this error. */
  fail(error: HoldfastError): void {
    this.#failure ??= error;
    this.#question?.reject(this.#failure);
    this.#question = undefined;
  }

  /** Lets the program end by itself. Never throws. */
  async close(): Promise<void> {
    this.#command.stdin.end();
    await this.#command.done.catch(() => {});
  }

  #hear(text: string): void {
    if (this.#question === undefined) return;
    if (this.#question.onLine !== undefined) return this.#hearLines(this.#question.onLine, text);
    this.#answer.push(text);
    this.#tail = (this.#tail + text).slice(-this.#question.end.length);
    if (this.#tail !== this.#question.end) return;
    const answer = this.#answer.join("").slice(0, -this.#question.end.length);
    const { resolve } = this.#question;
    this.#answer = [];
    this.#tail = "";
    this.#question = undefined;
    resolve(answer);
  }

  #hearLines(onLine: (line: string) => boolean, text: string): void {
    const lines = (this.#tail + text).split("\n");
    this.#tail = lines.pop() ?? "";
    try {
      for (const line of lines) {
        if (!onLine(line)) continue;
        this.#tail = "";
        this.#question?.resolve("");
        this.#question = undefined;
        return;
      }
    } catch (error) {
      this.fail(asHoldfastError(error, "E_DATABASE"));
    }
  }
}
