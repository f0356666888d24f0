/** Reads one file of the records format, record by record. */
import path from "node:path";
import { HoldfastError } from "../../../errors.ts";
import { parsed } from "./dumpdata.ts";
import { isList, isObject, type Json } from "../json/lossless.ts";
import { JsonReader, type ReadValue } from "../json/stream.ts";
import { shown, type ForeignRecord } from "./record.ts";
import { textOf, type Damage } from "../json/decode-file.ts";

/**
 * Yields the records of a file; returns its model and their number. Throws `E_PACKAGE` for a truncated file, another
 * format, or a wrong count.
 */
export async function* readRecords(
  file: string,
  name: string,
  signal: AbortSignal,
): AsyncGenerator<ForeignRecord, { model: string; count: number }> {
  const damage: Damage = {};
  const reader = new JsonReader(textOf(file, damage, signal));
  let model = path.basename(name, ".json");
  let declared: Json | undefined;
  let [count, line, found] = [0, 0, false];
  const fail = (what: string): never => {
    const last = line === 0 ? "" : `; the last complete record is ${count}, in line ${line}`;
    throw new HoldfastError("E_PACKAGE", `${name}, line ${reader.line}: ${what}${last}`);
  };
  const value = async (): Promise<ReadValue> =>
    (await reader.value()) ?? fail(`it ends unexpectedly${damage.what === undefined ? "" : ` (${damage.what})`}`);
  const expect = async (character: string): Promise<void> => {
    if (await reader.takes(character)) return;
    fail((await reader.peek()) === undefined ? "it ends unexpectedly" : `expected ${character}`);
  };
  await expect("{");
  for (let isFirst = true; !(await reader.takes("}")); isFirst = false) {
    if (!isFirst) await expect(",");
    const member = parsed(await value(), name);
    await expect(":");
    if (member !== "records") {
      const one = parsed(await value(), name);
      if (member === "model" && typeof one === "string") model = one;
      if (member === "count") declared = one;
      continue;
    }
    found = true;
    await expect("[");
    while (!(await reader.takes("]"))) {
      if (count > 0) await expect(",");
      const one = await value();
      const record = recordOf(one, model, name);
      count++;
      line = one.line;
      yield record;
    }
  }
  if ((await reader.peek()) !== undefined) fail("unexpected text after the end");
  if (damage.what !== undefined) fail(damage.what);
  if (!found) fail("it has no records");
  if (declared !== undefined && declared !== count) fail(`expected ${shown(declared)} records, found ${count}`);
  return { model, count };
}

function recordOf(value: ReadValue, model: string, file: string): ForeignRecord {
  const record = parsed(value, file);
  const fields = isObject(record) ? record.get("fields") : undefined;
  const key = isObject(record) ? record.get("natural_key") : undefined;
  if (!isObject(fields)) throw new HoldfastError("E_PACKAGE", `${file}, line ${value.line}: the record has no fields`);
  return { model, fields, file, line: value.line, ...(isList(key) ? { naturalKey: key } : {}) };
}
