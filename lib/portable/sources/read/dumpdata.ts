/**
 * Reads what Django's `dumpdata` writes, as JSON or as JSON Lines: `{"model": "app.model", "pk": 1, "fields": {…}}`. What programs printed before it is
 * passed over; what comes after it is an error, since it may have been data.
 */
import path from "node:path";
import { HoldfastError } from "../../../errors.ts";
import { isObject, parseJson, type Json } from "../json/lossless.ts";
import { JsonReader, type ReadValue } from "../json/stream.ts";
import { shown, type ForeignRecord } from "./record.ts";
import { textOf, type Damage } from "../json/decode-file.ts";

/** What begins a list of records, a line of its own with an empty list, or a line with a record. */
export const DUMP_BEGINS =
  /\[\s*\{\s*"(?:model|pk|fields)"\s*:|(?:^|[\n\uFEFF])\s*\[\s*\](?=\s*$)|(?:^|[\n\uFEFF])[ \t]*\{\s*"(?:model|pk|fields)"\s*:/;
/** More than this is never printed before a dump. */
export const MAX_PREAMBLE_BYTES = 1024 * 1024;

/** Throws `E_PACKAGE`: no dump, one that ends too soon, what is no record. */
export async function* readDump(
  file: string,
  signal: AbortSignal,
  name = path.basename(file),
): AsyncGenerator<ForeignRecord> {
  const damage: Damage = {};
  const reader = new JsonReader(textOf(file, damage, signal));
  if (!(await reader.seek(DUMP_BEGINS, MAX_PREAMBLE_BYTES)))
    throw new HoldfastError("E_PACKAGE", `${name}: there is no list of records in it${because(damage)}`);
  const isList = await reader.takes("[");
  let last: ForeignRecord | undefined;
  let count = 0;
  const after = (): string => (last === undefined ? "" : `, after record ${count} (${named(last)})`);
  const cutOff = (line: number): HoldfastError =>
    new HoldfastError(
      "E_PACKAGE",
      `${name} ends too soon, in line ${line}${because(damage)}: ${
        last === undefined
          ? "there is no whole record in it"
          : `the last whole record is ${count}, in line ${last.line}: ${named(last)}`
      }`,
      { hint: "nothing was changed: the dump was cut off or damaged; make or fetch it again" },
    );
  for (;;) {
    const next = await reader.peek();
    if (next === undefined && (isList || damage.what !== undefined)) throw cutOff(reader.line);
    if (next === undefined) return;
    if (isList && (await reader.takes("]"))) break;
    if (isList && count > 0 && !(await reader.takes(",")))
      throw new HoldfastError(
        "E_PACKAGE",
        `${name}, line ${reader.line}${after()}: a comma or the end of the list is missing`,
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
      `${name}, line ${reader.line}: the dump has ended, and something follows: ${JSON.stringify(await reader.glimpse())}`,
      { hint: "nothing was changed: take it out of the file, or import what follows by itself" },
    );
  if (damage.what !== undefined) throw new HoldfastError("E_PACKAGE", `${name}: ${damage.what}`);
}

const named = ({ model, pk }: ForeignRecord): string => `${model}${pk === undefined ? "" : ` ${shown(pk)}`}`;
const because = ({ what }: Damage): string => (what === undefined ? "" : ` (${what})`);

/** Throws `E_PACKAGE` for what is no record. */
function recordOf(value: ReadValue, file: string, after: string): ForeignRecord {
  const record = parsed(value, file, after);
  const fail = (what: string): never => {
    throw new HoldfastError("E_PACKAGE", `${file}, line ${value.line}${after}: ${what}`);
  };
  if (!isObject(record)) return fail(`no record, but ${value.text.slice(0, 40)}`);
  const model = record.get("model");
  const fields = record.get("fields");
  const pk = record.get("pk");
  if (typeof model !== "string") return fail("a record without a model");
  if (!isObject(fields)) return fail(`a record of ${model} without fields`);
  return { model, fields, file, line: value.line, ...(pk === undefined || pk === null ? {} : { pk }) };
}

/** Throws `E_PACKAGE` with file and line for what is no JSON; `after` says behind what it stands. */
export function parsed({ text, line }: ReadValue, file: string, after = ""): Json {
  try {
    return parseJson(text);
  } catch (error) {
    const what = error instanceof SyntaxError ? error.message : "it is nested too deeply";
    throw new HoldfastError("E_PACKAGE", `${file}, line ${line}${after}: no JSON: ${what}`, { cause: error });
  }
}
