/**
 * Reads the output of Django's `dumpdata`, as JSON or JSON Lines: `{"model": "app.model", "pk": 1, "fields": {…}}`.
 * Text that programs printed before it is skipped; text after it is an error, since it may be data.
 */
import path from "node:path";
import { HoldfastError } from "../../../errors.ts";
import { isObject, parseJson, type Json } from "../json/lossless.ts";
import { JsonReader, type ReadValue } from "../json/stream.ts";
import { shown, type ForeignRecord } from "./record.ts";
import { textOf, type Damage } from "../json/decode-file.ts";

/** Matches the start of a list of records, a line with an empty list, or a line with a record. */
export const DUMP_BEGINS =
  /\[\s*\{\s*"(?:model|pk|fields)"\s*:|(?:^|[\n\uFEFF])\s*\[\s*\](?=\s*$)|(?:^|[\n\uFEFF])[ \t]*\{\s*"(?:model|pk|fields)"\s*:/;
/** The most text that is skipped before a dump. */
export const MAX_PREAMBLE_BYTES = 1024 * 1024;

/**
 * Yields the records of a dump. Throws `E_PACKAGE` for a file without a dump, a truncated dump, and an invalid record.
 */
export async function* readDump(
  file: string,
  signal: AbortSignal,
  name = path.basename(file),
): AsyncGenerator<ForeignRecord> {
  const damage: Damage = {};
  const reader = new JsonReader(textOf(file, damage, signal));
  if (!(await reader.seek(DUMP_BEGINS, MAX_PREAMBLE_BYTES)))
    throw new HoldfastError("E_PACKAGE", `${name}: contains no list of records${because(damage)}`);
  const isList = await reader.takes("[");
  let last: ForeignRecord | undefined;
  let count = 0;
  const after = (): string => (last === undefined ? "" : `, after record ${count} (${named(last)})`);
  const cutOff = (line: number): HoldfastError =>
    new HoldfastError(
      "E_PACKAGE",
      `${name} ends unexpectedly in line ${line}${because(damage)}: ${
        last === undefined
          ? "it has no complete record"
          : `the last complete record is ${count}, in line ${last.line}: ${named(last)}`
      }`,
      { hint: "nothing was changed: the dump is truncated or damaged; create or fetch it again" },
    );
  for (;;) {
    const next = await reader.peek();
    if (next === undefined && (isList || damage.what !== undefined)) throw cutOff(reader.line);
    if (next === undefined) return;
    if (isList && (await reader.takes("]"))) break;
    if (isList && count > 0 && !(await reader.takes(",")))
      throw new HoldfastError(
        "E_PACKAGE",
        `${name}, line ${reader.line}${after()}: expected a comma or the end of the list`,
      );
    if ((await reader.peek()) === undefined) throw cutOff(reader.line);
    const value = await reader.value();
    if (value === undefined) throw cutOff(reader.line);
    last = recordOf(value, name, after());
    count++;
    yield last;
  }
  if ((await reader.peek()) !== undefined)
    throw new HoldfastError(
      "E_PACKAGE",
      `${name}, line ${reader.line}: unexpected text after the end of the dump: ` +
        JSON.stringify(await reader.glimpse()),
      { hint: "nothing was changed: remove it from the file, or import it separately" },
    );
  if (damage.what !== undefined) throw new HoldfastError("E_PACKAGE", `${name}: ${damage.what}`);
}

const named = ({ model, pk }: ForeignRecord): string => `${model}${pk === undefined ? "" : ` ${shown(pk)}`}`;
const because = ({ what }: Damage): string => (what === undefined ? "" : ` (${what})`);

/** Throws `E_PACKAGE` for an invalid record. */
function recordOf(value: ReadValue, file: string, after: string): ForeignRecord {
  const record = parsed(value, file, after);
  const fail = (what: string): never => {
    throw new HoldfastError("E_PACKAGE", `${file}, line ${value.line}${after}: ${what}`);
  };
  if (!isObject(record)) return fail(`expected a record, found ${value.text.slice(0, 40)}`);
  const model = record.get("model");
  const fields = record.get("fields");
  const pk = record.get("pk");
  if (typeof model !== "string") return fail("the record has no model");
  if (!isObject(fields)) return fail(`the record of ${model} has no fields`);
  return { model, fields, file, line: value.line, ...(pk === undefined || pk === null ? {} : { pk }) };
}

/** Parses a value. Throws `E_PACKAGE` with file and line for invalid JSON; `after` describes the preceding record. */
export function parsed({ text, line }: ReadValue, file: string, after = ""): Json {
  try {
    return parseJson(text);
  } catch (error) {
    const what = error instanceof SyntaxError ? error.message : "nested too deeply";
    throw new HoldfastError("E_PACKAGE", `${file}, line ${line}${after}: invalid JSON: ${what}`, { cause: error });
  }
}
