/** Reading and writing the JSON documents of a store. */
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import type * as z from "zod";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { assertReadable, DOCUMENT, parseJson } from "../../archive/limits.ts";
import { readRegular } from "../../archive/files/regular-file.ts";
import { HoldfastError } from "../../errors.ts";

/** The text of a document: UTF-8, two spaces, keys in the order they were given, a newline at the end. */
export const formatJson = (value: unknown): string => `${JSON.stringify(value, null, 2)}\n`;

/**
 * Writes a document into a staging directory, where nothing is visible under a final name yet; parents are made. Throws `E_IO` for one that
 * `readDocument` would refuse.
 */
export function writeDocument(file: string, value: unknown): void {
  const text = formatJson(value);
  try {
    assertReadable(text);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new HoldfastError("E_IO", `${path.basename(file)} could not be read again: ${why}`, {
      hint: "divide what it describes: name smaller trees, or fewer columns of the projects, in the config",
    });
  }
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** Reads and checks a document. Throws `E_VERIFY` when it is missing or not what it should be, `E_VERSION` when its format is newer. */
export function readDocument<T>(file: string, schema: z.ZodType<T>): T {
  let value: unknown;
  try {
    value = readJson(file);
  } catch (error) {
    throw new HoldfastError("E_VERIFY", `${file} cannot be read as JSON`, { cause: error });
  }
  refuseNewer(file, value);
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new HoldfastError(
    "E_VERIFY",
    `${file} is not what it should be: ${issue?.path.join(".") ?? ""} ${issue?.message ?? ""}`,
  );
}

/** Returns what a JSON file of a run holds. Throws for what is no regular file, is longer than a document can be, or is no JSON. */
export const readJson = (file: string): unknown =>
  parseJson(readRegular(file, DOCUMENT.bytes, "E_VERIFY").toString("utf8"));

/** Like `readDocument`, but a document that is not there or not sound is undefined: for what only saves work. */
export function tryReadDocument<T>(file: string, schema: z.ZodType<T>): T | undefined {
  try {
    return readDocument(file, schema);
  } catch {
    return undefined;
  }
}

/** Throws `E_VERSION` for a document of a newer major format. */
export function refuseNewer(file: string, value: unknown): void {
  if (typeof value !== "object" || value === null || !("format_version" in value)) return;
  const [major] = String(value.format_version).split(".");
  if (Number(major) > Number(FORMAT_VERSION.split(".")[0])) {
    throw new HoldfastError(
      "E_VERSION",
      `${file} has format ${String(value.format_version)}; this Holdfast knows ${FORMAT_VERSION}`,
    );
  }
}
