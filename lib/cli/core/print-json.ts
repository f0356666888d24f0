/** Prints the documents of `--json`, a line each. */

export interface JsonMessage {
  readonly message_type: string;
}

/** Writes a document to standard output, on one line. */
export function printJson(message: JsonMessage & Readonly<Record<string, unknown>>): void {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}

interface CheckProblems {
  readonly id: string;
  readonly problems: readonly { readonly path: string; readonly message: string }[];
}

/** Prints a line for each problem of the checks, which were found `during` a command. */
export function printProblems(during: string, checks: readonly CheckProblems[], about: object = {}): void {
  const found = checks.flatMap(({ id, problems }) => problems.map((problem) => ({ id, ...problem })));
  for (const { id, path, message } of found)
    printJson({ message_type: "error", error: { message }, during, ...about, item: path, check: id });
}
