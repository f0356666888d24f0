/** Starts rclone for one remote, and says what it failed at. */
import { HoldfastError } from "../../errors.ts";
import { runCommand, startCommand, type CommandResult, type RunningCommand } from "../../exec/command.ts";
import { printable } from "../../report/printable.ts";

export interface RcloneSettings {
  /** As `cellar:backups/clara`. */
  readonly remote: string;
  readonly configFile: string;
  /** Of an encrypted config file. */
  readonly password: string | undefined;
  /** Bytes a second at most. */
  readonly bandwidth: number | undefined;
  readonly signal: AbortSignal;
}

/** A directory is not found, a file is not found. */
const NOT_FOUND = [3, 4];
const ANY_STATUS = Array.from({ length: 11 }, (_, status) => status);

export class Rclone {
  readonly #settings: RcloneSettings;

  constructor(settings: RcloneSettings) {
    this.#settings = settings;
  }

  get address(): string {
    return `rclone://${this.#settings.remote}`;
  }

  /** Returns rclone's name of a key. */
  at(key: string): string {
    const { remote } = this.#settings;
    return /[:/]$/.test(remote) ? `${remote}${key}` : `${remote}/${key}`;
  }

  /** Runs rclone to its end. Returns undefined if what it was to look at is missing. Throws `E_REMOTE`, `E_CONFIG`. */
  async find(argv: readonly string[]): Promise<string | undefined> {
    const result = await runCommand(this.#argv(argv), { ...this.#options(), okExitCodes: ANY_STATUS });
    if (result.exitCode === 0) return result.stdout;
    if (NOT_FOUND.includes(result.exitCode)) return undefined;
    throw this.failure(result);
  }

  /** As `find`, where something missing is an error too. */
  async run(argv: readonly string[]): Promise<string> {
    const result = await runCommand(this.#argv(argv), { ...this.#options(), okExitCodes: ANY_STATUS });
    if (result.exitCode === 0) return result.stdout;
    throw this.failure(result);
  }

  start(argv: readonly string[]): RunningCommand {
    return startCommand(this.#argv(argv), this.#options());
  }

  /** Returns the error of its last message, without the time. */
  failure({ stderr, exitCode }: Pick<CommandResult, "stderr" | "exitCode">): HoldfastError {
    const last = (stderr.trim().split("\n").at(-1) ?? "").replace(/^\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d /, "");
    const message = `${this.address}: ${last === "" ? `rclone ended with status ${exitCode}` : printable(last)}`;
    if (
      /didn't find section in config file|unable to decrypt|[Cc]ouldn't decrypt|config file .* not found/i.test(stderr)
    )
      return new HoldfastError("E_CONFIG", message, {
        hint: "check remote, config_file and password_file of the target: rclone config show",
      });
    return new HoldfastError("E_REMOTE", message);
  }

  #argv(argv: readonly string[]): string[] {
    const { bandwidth } = this.#settings;
    return [
      "rclone",
      "--ask-password=false",
      "--log-level=ERROR",
      ...(bandwidth === undefined ? [] : [`--bwlimit=${bandwidth}B`]),
      ...argv,
    ];
  }

  #options() {
    const { configFile, password, signal } = this.#settings;
    // Each of its flags has a variable: what the environment sets is not for us.
    const others = Object.keys(process.env).filter((name) => name.startsWith("RCLONE_"));
    return {
      signal,
      code: "E_REMOTE",
      secrets: password === undefined ? [] : [password],
      env: {
        ...Object.fromEntries(others.map((name) => [name, undefined])),
        RCLONE_CONFIG: configFile,
        RCLONE_CONFIG_PASS: password,
      },
    } as const;
  }
}
