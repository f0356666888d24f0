/** What docs/off-site.md has its reader paste: the lines that the tests use, and configs that are valid. */
import { expect, test } from "vitest";
import { parse } from "yaml";
import * as z from "zod";
import { targetsSchema } from "../../lib/config/settings/targets/target.ts";
import { readPage } from "../support/documented/pages.ts";
import { accountLine } from "../support/servers/sshd.ts";

const page = readPage("docs/off-site.md");
const blocksOf = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\`$`, "gms"))].map(([, block]) => block ?? "");

test("the lines of authorized_keys are those that the tests push and pull by", () => {
  const lines = blocksOf("text")
    .flatMap((block) => block.split("\n"))
    .map((line) => /^ *(.*restrict) ssh-ed25519 /.exec(line)?.[1])
    .filter((line) => line !== undefined);
  expect(lines).toEqual([
    accountLine("appendOnly", "/srv/backups/clara"),
    accountLine("readWrite", "/srv/backups/clara"),
    accountLine("shell", "/srv/backups/clara"),
    accountLine("readOnly", "/srv/clara_backups"),
  ]);
});

test("the configs are valid", () => {
  const kinds = blocksOf("yaml").flatMap((block) =>
    Object.values(z.object({ targets: targetsSchema }).parse(parse(block)).targets).map(({ kind }) => kind),
  );
  expect(kinds.toSorted()).toEqual(["directory", "rclone", "rsync"]);
});
