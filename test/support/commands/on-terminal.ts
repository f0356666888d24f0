/** Runs a program on a terminal of its own, and types answers when it asks. */
import { spawn } from "node:child_process";
import { PYTHON } from "../python.ts";

/** Text that the program prints, and what is typed then. */
export type Answer = readonly [prompt: string, answer: string];

export interface TerminalResult {
  readonly code: number | null;
  /** All that the terminal showed. */
  readonly output: string;
}

/** Reads the answers as JSON from its first argument; the program is the rest. What was read is matched once. */
const PTY = `
import json, os, pty, sys, termios, time
answers = json.loads(sys.argv[1])
pid, terminal = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
seen = b""
while True:
    try:
        data = os.read(terminal, 4096)
    except OSError:
        break
    if not data:
        break
    sys.stdout.buffer.write(data)
    sys.stdout.flush()
    seen += data
    if answers and answers[0][0].encode() in seen:
        seen = seen.split(answers[0][0].encode(), 1)[1]
        # Some programs print their prompt first and then keep the terminal from showing what is typed.
        for _ in range(50):
            if not termios.tcgetattr(terminal)[3] & termios.ECHO:
                break
            time.sleep(0.01)
        os.write(terminal, answers.pop(0)[1].encode() + b"\\n")
sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 255)
`;

/** Runs `argv` to its end, in this environment alone. */
export async function runOnTerminal(
  argv: readonly string[],
  answers: readonly Answer[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<TerminalResult> {
  const child = spawn(PYTHON, ["-c", PTY, JSON.stringify(answers), ...argv], {
    env,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: 120_000,
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (output += data.toString()));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output };
}
