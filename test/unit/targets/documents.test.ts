/** Texts of targets: the map of objects, credentials, and what got weaker between two probes. */
import { writeFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { weakened } from "../../../lib/ops/push/promises.ts";
import type { Capabilities } from "../../../lib/targets/core/capabilities.ts";
import { digestOfKey, formatObjects, objectKey, parseObjects } from "../../../lib/targets/objects/keys.ts";
import { readCredentials } from "../../../lib/targets/s3/credentials.ts";
import { partSize } from "../../../lib/targets/s3/multipart.ts";
import { tempDirectory } from "../../support/temp.ts";

const hex = fc
  .array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 })
  .map((digits) => digits.join(""));
const name = fc.string({ minLength: 1, unit: "binary" }).filter((text) => !/[\t\r\n]/.test(text));

test("objects.tsv comes back as it was", () => {
  const line = fc.record({
    sha256: hex,
    size: fc.nat(),
    path: name,
    key: name,
    version: fc.option(name, { nil: null }),
  });
  fc.assert(
    fc.property(fc.array(line), (lines) => {
      expect(parseObjects(formatObjects(lines))).toEqual(lines);
    }),
  );
});

test("a path that no line can hold is an error, and so is a line that is none", () => {
  const line = { sha256: "a".repeat(64), size: 1, path: "a\tb", key: "k", version: null };
  expect(() => formatObjects([line])).toThrow(/tab/);
  expect(() => parseObjects("x\ty\n")).toThrow(/line 1 of objects.tsv/);
});

test("an object is named by its digest, a sealed one with .age", () => {
  const sha256 = `ab${"0".repeat(62)}`;
  expect(objectKey(sha256, "db/site/dump.sql.gz")).toBe(`objects/ab/${sha256}`);
  expect(objectKey(sha256, "db/site/dump.sql.gz.age")).toBe(`objects/ab/${sha256}.age`);
  expect(digestOfKey(`objects/ab/${sha256}.age`)).toBe(sha256);
  expect(digestOfKey(`objects/cd/${sha256}`)).toBeUndefined();
});

test("parts are of at least 32 MiB, and at most 9000", () => {
  const MIB = 1024 * 1024;
  expect(partSize(65 * MIB)).toBe(32 * MIB);
  for (const size of [300 * 1024 * MIB, 5 * 1024 * 1024 * MIB]) expect(size / partSize(size)).toBeLessThanOrEqual(9000);
});

describe("credentials", () => {
  const write = (text: string): string => {
    const file = path.join(tempDirectory(), "credentials");
    writeFileSync(file, text);
    return file;
  };

  test("of a section of a file, else of the environment", () => {
    const file = write(
      "[default]\naws_access_key_id = a\naws_secret_access_key=b=c\n[other]\r\naws_access_key_id=d\r\naws_secret_access_key = e\r\naws_session_token = f\r\n",
    );
    const read = (profile: string) => readCredentials({ credentials_file: file, profile }, "/", {});
    expect(read("default")).toEqual({ accessKeyId: "a", secretAccessKey: "b=c" });
    expect(read("other")).toEqual({ accessKeyId: "d", secretAccessKey: "e", sessionToken: "f" });
    const environment = { AWS_ACCESS_KEY_ID: "g", AWS_SECRET_ACCESS_KEY: "h" };
    expect(readCredentials({ profile: "default" }, "/", environment)).toEqual({
      accessKeyId: "g",
      secretAccessKey: "h",
    });
  });

  test("none are an error that names where they were looked for, and no secret", () => {
    const file = write("[default]\naws_secret_access_key = hidden\n");
    const read = (): unknown => readCredentials({ credentials_file: file, profile: "default" }, "/", {});
    expect(read).toThrow(/in \[default\]/);
    expect(read).not.toThrow(/hidden/);
    expect(() => readCredentials({ credentials_file: "/nowhere", profile: "default" }, "/", {})).toThrow(
      /cannot be read/,
    );
    expect(() => readCredentials({ profile: "default" }, "/", { AWS_ACCESS_KEY_ID: "a" })).toThrow(/no credentials/);
  });
});

describe("what got weaker", () => {
  const strong: Capabilities = {
    signed_payload: true,
    if_none_match: null,
    if_none_match_versioned: true,
    checksum_sha256: true,
    multipart_list: true,
    object_lock: true,
    lock_extend: true,
    can_read: false,
    can_list: false,
    can_delete: false,
    owner: "host",
  };

  test("is each promise that is not kept any more, a right to delete, another owner", () => {
    expect(weakened(strong, strong)).toEqual([]);
    for (const promise of [
      "signed_payload",
      "if_none_match_versioned",
      "checksum_sha256",
      "multipart_list",
      "object_lock",
      "lock_extend",
    ])
      expect(weakened(strong, { ...strong, [promise]: false }), promise).toHaveLength(1);
    expect(weakened(strong, { ...strong, can_delete: true })).toEqual(["these credentials can delete now"]);
    expect(weakened(strong, { ...strong, owner: "thief" })).toHaveLength(1);
  });

  test("is not what got stronger, or what this side may do beside", () => {
    const weak = { ...strong, object_lock: false, lock_extend: null, checksum_sha256: false };
    expect(weakened(weak, strong)).toEqual([]);
    expect(weakened(strong, { ...strong, can_read: true, can_list: true })).toEqual([]);
  });
});
