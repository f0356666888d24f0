/** Reads and writes the JSON documents of a store. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type * as z from "zod";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { assertReadable, DOCUMENT, parseJson } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import { HoldfastError } from "../../errors.ts";
import { writeFileAtomic } from "./atomic.ts";

/** Returns the text of a document: two spaces, keys in the given order, a newline at the end. */
export const formatJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/** Returns the text of a document called `name`. Throws `E_IO` for one that `readDocument` would refuse. */
export function documentText(name: string, value: unknown): string {
  const text = formatJson(value);
  try {
    assertReadable(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("E_IO", `${name} could not be read again: ${why}`, {
      hint: "divide what it describes: name smaller trees, or fewer columns of the projects, in the config",
    });
  }
  return text;
}

/** Writes a document that is no part of a run, or that other processes wait for, and creates its parents. */
export function writeDocument(file: string, value: unknown): void {
  const text = documentText(path.basename(file), value);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Writes or replaces a document of the store atomically (mode 0640), and creates its parents (0750). */
export async function writeDocumentAtomic(file: string, value: unknown): Promise<void> {
  mkdirSync(path.dirname(file), { recursive: true, mode: 0o750 });
  await writeFileAtomic(file, formatJson(value), { mode: 0o640 });
}

/** Reads and checks a document. Throws `E_VERIFY` if it is missing or invalid, `E_VERSION` if its format is newer. */
export function readDocument<T>(file: string, schema: z.ZodType<T>): T {
  return checkDocument(file, () => readJson(file), schema);
}

/** Parses and checks the text of a document called `name`. Throws as `readDocument` does. */
export const parseDocument = <T>(name: string, text: string, schema: z.ZodType<T>): T =>
  checkDocument(name, () => parseJson(text), schema);

function checkDocument<T>(file: string, read: () => unknown, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = read();
  } catch (error) {
    throw new HoldfastError("E_VERIFY", `${file} cannot be read as JSON`, { cause: error });
  }
  assertKnownVersion(file, value);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HoldfastError("E_VERIFY", `${file} is invalid: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`);
}

/** Parses a JSON file of a run. Throws for an irregular file, one that is too long, and invalid JSON. */
export const readJson = (file: string): unknown =>
  parseJson(readRegular(file, DOCUMENT.bytes, "E_VERIFY").toString("utf8"));

/** Reads a document like `readDocument`, but returns undefined if it is missing or invalid. */
export function tryReadDocument<T>(file: string, schema: z.ZodType<T>): T | undefined {
  try {
    return readDocument(file, schema);
  } catch {
    return undefined;
  }
}

/** Throws `E_VERSION` for a document of a newer major format. */
export function assertKnownVersion(file: string, value: unknown): void {
  if (typeof value !== "object" || value === null || !("format_version" in value)) return;
  const [major] = String(value.format_version).split(".");
  if (Number(major) > Number(FORMAT_VERSION.split(".")[0])) {
    throw new HoldfastError(
      "E_VERSION",
      `${file} has format ${String(value.format_version)}; this Holdfast knows ${FORMAT_VERSION}`,
    );
  }
}
