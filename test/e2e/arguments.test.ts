/** Arguments that no command takes: exit status 2, E_USAGE, and words that say which argument and what to do. */
import { expect, test } from "vitest";
import { runInProcess } from "../support/commands/in-process.ts";

test.each([
  ["delete", ["a", "b"], "unexpected argument: b", /--help/],
  ["list", ["x"], "unexpected argument: x", /--help/],
  ["delete", ["--run", "x"], "delete: missing argument RUN", /scripts\/list\.ts/],
  ["logs", ["--run", "x"], "Unknown argument: run", /--help/],
  ["portable", ["plan", "--table", "x"], "Unknown argument: table", /--help/],
  ["portable", ["export", "--mode", "create-only"], "Unknown argument: mode", /--help/],
  ["portable", ["import", "x", "--format", "zip"], "Unknown argument: format", /--help/],
  ["portable", ["check", "x", "--set", "y"], "Unknown argument: set", /--help/],
  ["portable", [], "portable: missing command", /use one of plan, export/],
  ["portable", ["exprot"], "portable: unknown command exprot", /use one of plan, export/],
  ["portable", ["import"], "import: missing argument EXPORT", /--help/],
  ["holdfast", ["resotre"], "holdfast: unknown command resotre", /use one of .*restore/],
  ["holdfast", ["find"], "find: missing argument PATTERN", /for example: holdfast find/],
  ["restore", ["--in-palce"], "Unknown arguments: in-palce, inPalce", /did you mean --in-place/],
] as const)("%s %j is refused", async (script, args, message, hint) => {
  const { code, json } = await runInProcess(script, [...args, "--json"]);
  expect({ code, document: json.at(-1) }).toMatchObject({
    code: 2,
    document: {
      message_type: "exit_error",
      error_code: "E_USAGE",
      message,
      hint: expect.stringMatching(hint) as string,
    },
  });
});
