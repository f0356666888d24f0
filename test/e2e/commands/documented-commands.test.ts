/** Every command that README.md, CONTRIBUTING.md and docs/ print runs as printed, on a host as they describe it. */
import { accessSync, constants, existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import pLimit from "p-limit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { documentedFlags, hasFlag } from "../../support/documented/flags.ts";
import {
  documentedPages,
  documentedSteps,
  readPage,
  type DocumentedScript,
  type DocumentedStep,
} from "../../support/documented/pages.ts";
import { SCENES } from "../../support/documented/scenes.ts";
import { makeDocumentedSite } from "../../support/documented/site.ts";
import { isOf, walkPage } from "../../support/documented/walk.ts";
import { canEnterWorlds, World, type ScriptResult } from "../../support/documented/world.ts";
import { isCi } from "../../support/global.ts";
import { wholeHelpOf } from "../../support/commands/help.ts";
import { PROJECT } from "../../support/commands/run.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

/** Scripts that cannot run within this test, and why. */
const NOT_RUN: Readonly<Record<string, string>> = { "./test.sh": "runs all tests, this one among them" };

/** Where a command that missed its world would leave something. */
const HOST = ["/srv/clara", "/srv/clara_backups", "/etc/holdfast", "/opt/holdfast", "/tmp/look", "/var/lib/holdfast"];

const isScript = (step: DocumentedStep): step is DocumentedScript => step.kind === "script";
const isRun = (step: DocumentedStep): boolean =>
  step.kind === "file" || NOT_RUN[step.commands.join("\n")] === undefined;
const pages = documentedPages().map((page) => ({ page, steps: documentedSteps(page, readPage(page)) }));
const scripts = pages.flatMap(({ steps }) => steps.filter(isScript));

const hasWorlds = canEnterWorlds();
if (!hasWorlds) {
  const text = "the commands of the documentation are not run: that needs root, and the right to make mount namespaces";
  if (isCi()) throw new Error(text);
  process.stderr.write(`${text}\n`);
}

describe.runIf(hasWorlds)("the commands of", () => {
  const results = new Map<DocumentedScript, ScriptResult>();
  const walks = new Map<string, Promise<void>>();
  const before = HOST.filter((path) => existsSync(path));
  let directory = "";

  beforeAll(async () => {
    directory = makeTemp("holdfast-documented-");
    const site = await makeDocumentedSite(directory);
    const limit = pLimit(2);
    for (const { page, steps } of pages.filter((one) => one.steps.some(isRun))) {
      const world = join(directory, page.replaceAll("/", "-"));
      mkdirSync(world);
      const walk = limit(async () => {
        await walkPage(page, steps.filter(isRun), { site, directory: world }, (script, result) =>
          results.set(script, result),
        );
      });
      walk.catch(() => {}); // each test of the page sees it
      walks.set(page, walk);
    }
  }, 300_000);
  afterAll(async () => {
    await Promise.allSettled(walks.values());
    removeTree(directory);
  });

  describe.each(pages.filter(({ steps }) => steps.some(isRun)))("$page", ({ page, steps }) => {
    test.each(
      steps
        .filter(isScript)
        .filter(isRun)
        .map((script) => [`${script.line}: ${script.commands[0]}`, script] as const),
    )(
      "%s",
      async (_, script) => {
        await walks.get(page);
        const { failed, output } = results.get(script) ?? { failed: "it was not run", output: "" };
        expect(failed, output).toBeUndefined();
      },
      600_000,
    );
  });

  test("leave nothing on the host", async () => {
    await Promise.allSettled(walks.values());
    expect(HOST.filter((path) => existsSync(path))).toEqual(before);
  }, 600_000);

  test("fail as a whole where any of them fails", async () => {
    const world = new World(join(directory, "failing"));
    const clock = "2026-11-20T10:15:00Z";
    expect(await world.run(["false && true", "true"], { clock })).toMatchObject({
      failed: "false && true: exit status 1",
    });
    expect(await world.run(["npx tsx scripts/list.ts --dest /srv/nowhere"], { clock })).toMatchObject({
      failed: "npx tsx scripts/list.ts --dest /srv/nowhere: exit status 10",
    });
  });
});

test("what is not run is there, and stands in a page", () => {
  const printed = scripts.map(({ commands }) => commands.join("\n"));
  for (const file of Object.keys(NOT_RUN)) {
    expect(printed).toContain(file);
    accessSync(join(PROJECT, file), constants.X_OK);
  }
});

test("each scene belongs to a script of its page", () => {
  const stale = SCENES.filter((scene) => !scripts.some((script) => isOf(scene, script)));
  expect(stale).toEqual([]);
});

/** Returns a command as its script and the words behind it. */
function words(command: string): [string, ...string[]] {
  const [script = "", ...more] = command.split(" ");
  return [script, ...more];
}

test.each(pages.map(({ page }) => page))("%s prints flags that the --help of their command has", async (page) => {
  const unknown: string[] = [];
  for (const { command, flag } of documentedFlags(readPage(page))) {
    if (!hasFlag(await wholeHelpOf(...words(command)), flag)) unknown.push(`${command} ${flag}`);
  }
  expect(unknown).toEqual([]);
});
