/** What rsync and ssh print, and how words reach them. */
import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { groupByRun } from "../../../lib/targets/rsync/attempts.ts";
import { chooseBases } from "../../../lib/targets/rsync/bases.ts";
import { localFailure, remoteFailure } from "../../../lib/targets/rsync/place/failure.ts";
import { rsyncQuote } from "../../../lib/targets/rsync/place/ssh.ts";
import { unescapeName } from "../../../lib/targets/rsync/transfer.ts";
import { tempDirectory } from "../../support/temp.ts";

test("words reach the program of -e as they are", () => {
  const directory = tempDirectory();
  const [program, seen] = [join(directory, "a program"), join(directory, "seen")];
  writeFileSync(program, `#!/bin/sh\nprintf '%s\\n' "$@" >'${seen}'\nexit 1\n`);
  chmodSync(program, 0o755);
  const words = ["-o", `IdentityFile="/a b/it's"`, "''", '"', "x'y''z", "plain"];
  const argv = ["-e", [program, ...words].map(rsyncQuote).join(" "), "host:/x", `${directory}/`];
  expect(() => execFileSync("rsync", argv, { stdio: "ignore" })).toThrow();
  expect(readFileSync(seen, "utf8").split("\n").slice(0, words.length)).toEqual(words);
});

test("names are read as rsync prints them", () => {
  expect(unescapeName("a b\\#012c\\#134#012")).toBe("a b\nc\\#012");
  expect(unescapeName(Buffer.from("é 😀").toString("latin1"))).toBe("é 😀");
});

test("a directory with SHA256SUMS is a run, whatever its name", () => {
  const run = "20261101T020000Z";
  const names = [`.in-${run}.10`, `.in-${run}.2`, "lost", ".in-x.1", `.in-${run}.0`];
  expect([...groupByRun(names, new Set([`.in-${run}.10`]))]).toEqual([
    [run, { complete: `.in-${run}.10`, attempts: [`.in-${run}.2`], next: 11 }],
  ]);
  expect(groupByRun([run], new Set()).get(run)).toEqual({ complete: undefined, attempts: [run], next: 1 });
});

test("files are linked with runs that have them with the same digest", () => {
  const candidate = (name: string, files: Readonly<Record<string, string>>) => ({
    name,
    digests: () => new Map(Object.entries(files)),
  });
  const wanted = new Map(Object.entries({ a: "1", b: "2", c: "3" }));
  const there = [
    candidate("new", { a: "1", b: "x" }),
    candidate("same", { a: "1" }),
    candidate("old", { b: "2", a: "1" }),
  ];
  expect(chooseBases(wanted, there)).toEqual({ names: ["new", "old"], held: new Set(["a", "b"]) });
});

test.each([
  ["No ED25519 host key is known for [127.0.0.1]:1 and you have requested strict checking.", "is not in known_hosts"],
  ["@ WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED! @\nHost key verification failed.", "another host key"],
  ["clara@there: Permission denied (publickey).", "refuses the key"],
  ["ssh: connect to host there port 22: Connection refused", "cannot be reached"],
  ["ssh: Could not resolve hostname there: Name or service not known", "cannot be reached"],
  ['rsync: [receiver] write failed on "/x": No space left on device (28)', "its disk is full"],
  ["/usr/bin/rrsync error: sending to read-only server is not allowed", "may not do this"],
  ['rsync: [generator] recv_generator: mkdir "/x" failed: Permission denied (13)', "no right"],
  ["rsync: connection unexpectedly closed (0 bytes received so far) [sender]", "connection was lost"],
  ["bash: line 1: rsync: command not found", "cannot be started there"],
  ["\u001b[31mred", "ended with status 12: \\x1b[31mred"],
])("says what failed: %s", (stderr, message) => {
  expect(remoteFailure("ssh://there/", "rsync", { stderr, exitCode: 12 })).toMatchObject({
    code: "E_REMOTE",
    message: expect.stringContaining(message) as string,
  });
});

test("a full disk of this host is one of the store", () => {
  const stderr = 'rsync: [receiver] write failed on "/x": No space left on device (28)';
  expect(localFailure({ stderr })?.code).toBe("E_NO_SPACE");
  expect(localFailure({ stderr: "rsync: [sender] No space left on device" })).toBeUndefined();
});
