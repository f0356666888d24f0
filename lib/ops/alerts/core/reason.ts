/** Describes why a route failed, by codes alone: messages of libraries may quote addresses and answers. */

/** Returns the code of an error or of one of its causes. */
export function reasonOf(error: unknown): string {
  if (error instanceof Error && ["AbortError", "TimeoutError"].includes(error.name)) return "no answer in time";
  for (let current = error, depth = 0; current instanceof Error && depth < 8; current = current.cause, depth++) {
    const code = "code" in current ? current.code : undefined;
    if (typeof code === "string" && /^[A-Z][A-Z0-9_]*$/.test(code)) return `cannot be reached (${code})`;
  }
  return "cannot be reached";
}
