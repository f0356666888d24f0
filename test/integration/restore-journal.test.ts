/**
 * A restore in place, its confirmation, rollback and recovery, stopped before each single change and followed by each command: whatever
 * the order, each tree and the database end wholly old or wholly new, all of one time, and the old ones exist until they are confirmed away.
 */
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { loadConfig, type SiteConfig } from "../../lib/config/load.ts";
import { restore } from "../../lib/ops/restore/run.ts";
import { Journal, listRestores } from "../../lib/ops/journals/restore-journal.ts";
import { endRestore } from "../../lib/ops/restore/end.ts";
import type { RestoreRequest } from "../../lib/ops/restore/plan/request.ts";
import { RESTORE_RULES, stateOf, type EndCommand, type RestoreState } from "../../lib/ops/journals/restore-state.ts";
import type { OnStep, Step } from "../../lib/ops/journals/on-step.ts";
import { runInProcess } from "../support/commands/in-process.ts";
import { removeTree } from "../support/temp.ts";
import { runSql } from "../support/sqlite.ts";
import { openSqliteFile } from "../../lib/sqlite/open.ts";
import { firstValue } from "../../lib/sqlite/query.ts";

const TREES = ["one", "two", "new"];
const FILES = ["a", "b", "c"];
/** Of the run: `new` does not exist on the site of today. */
const NEW = "one=new two=new new=new db=new";
const OLD = "one=old two=old new=missing db=old";
const PREFIX = ".holdfast-restore-";

let directory: string;
let world: string;
let config: SiteConfig;
let store: string;

beforeAll(async () => {
  // In memory, where the many fsyncs of a journal cost nothing.
  directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "holdfast-restore-journal-"));
  world = join(directory, "world");
  store = join(directory, "store");
  const root = join(world, "site");
  for (const tree of TREES) write(tree, "new");
  sql("create table t (which text); insert into t values ('new')");
  writeFileSync(join(world, "service"), "");
  const file = join(directory, "site.yaml");
  const note = (what: string): string => `[sh, -c, 'echo ${what} >> ${world}/service']`;
  writeFileSync(
    file,
    `site: s
root: ${root}
dest: ${store}
database: { url: sqlite:///db.sqlite3 }
legacy: { path: legacy }
health: { service: { start: ${note("started")}, stop: ${note("stopped")} } }
`,
  );
  const { code, stderr } = await runInProcess("backup_all", ["--config", file, "--quiet"]);
  expect({ code, stderr }).toMatchObject({ code: 0 });
  for (const tree of ["one", "two"]) write(tree, "old");
  rmSync(join(root, "legacy/new"), { recursive: true });
  sql("update t set which = 'old'");
  config = loadConfig(file, process.env);
  save("start");
});
afterAll(() => removeTree(directory));

function write(tree: string, text: string): void {
  const at = join(world, "site/legacy", tree);
  mkdirSync(at, { recursive: true });
  for (const name of FILES) writeFileSync(join(at, name), text);
}
function sql(text: string): void {
  runSql(join(world, "site/db.sqlite3"), text);
}

/** The old site was confirmed away: from then on what was restored is the old site. */
let isConfirmed = false;
const confirmed = new Map<string, boolean>();

/** Everything that a restore changes, kept and put back. */
function save(name: string): void {
  confirmed.set(name, isConfirmed);
  const to = join(directory, "saved", name);
  rmSync(to, { recursive: true, force: true });
  mkdirSync(to, { recursive: true });
  mkdirSync(join(store, "restores"), { recursive: true });
  cpSync(world, join(to, "world"), ALIKE);
  cpSync(join(store, "restores"), join(to, "restores"), ALIKE);
}
function load(name: string): void {
  isConfirmed = confirmed.get(name) ?? false;
  const from = join(directory, "saved", name);
  for (const place of [world, join(store, "restores")]) rmSync(place, { recursive: true, force: true });
  cpSync(join(from, "world"), world, ALIKE);
  cpSync(join(from, "restores"), join(store, "restores"), ALIKE);
}
const ALIKE = { recursive: true, preserveTimestamps: true } as const;

/** Stops the work before change number `at`, and every change after it, as a kill would. */
class Killed extends Error {}
function killer(at: number): { readonly onStep: OnStep; readonly steps: Step[] } {
  const steps: Step[] = [];
  const onStep: OnStep = (step) => {
    steps.push(step);
    if (steps.length <= at) return;
    // A kill within a removal leaves a part of the tree.
    if (steps.length === at + 1 && step.action === "remove") removeOne(step.object);
    throw new Killed(`before ${step.action} ${step.object}`);
  };
  return { onStep, steps };
}
function removeOne(base: string): void {
  if (!existsSync(base)) return;
  const [file] = readdirSync(base, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  if (file !== undefined) rmSync(join(file.parentPath, file.name));
}

type Command = EndCommand | "restore";
const END_COMMANDS: readonly EndCommand[] = ["confirm", "rollback", "recover"];
const COMMANDS: readonly Command[] = ["restore", ...END_COMMANDS];
const NEVER = Number.MAX_SAFE_INTEGER;

interface Outcome {
  /** Null when it succeeded. */
  readonly error: unknown;
  readonly wasKilled: boolean;
  readonly steps: readonly Step[];
}

async function perform(command: Command, at: number = NEVER): Promise<Outcome> {
  const { onStep, steps } = killer(at);
  const common = { signal: new AbortController().signal, report: () => {}, onStep };
  let error: unknown = null;
  try {
    if (command === "restore") await restore(REQUEST(), { ...common, confirm: async () => {}, onPhase: () => {} });
    else await endRestore({ store, config, how: command, breakLock: false }, common);
  } catch (failure) {
    error = failure;
  }
  return { error, wasKilled: steps.length > at, steps };
}

const REQUEST = (): RestoreRequest => ({
  store,
  run: "latest",
  target: { kind: "in-place", config },
  steps: [],
  units: [],
  rebuild: false,
  media: true,
  migrate: true,
  allowNewerSchema: false,
  owners: { by: "name" },
  restoreFlags: [],
  dryRun: false,
  workers: 1,
  breakLock: false,
});

/** The state of the newest restore; none has ended. */
async function state(): Promise<RestoreState> {
  const id = listRestores(store).at(-1);
  return id === undefined ? "ended" : stateOf((await Journal.open(store, id)).document);
}

function site(): string {
  const trees = TREES.map((tree) => `${tree}=${treeAt(join(world, "site/legacy", tree))}`);
  return [...trees, `db=${databaseAt(join(world, "site/db.sqlite3"))}`].join(" ");
}
function treeAt(at: string): string {
  if (!existsSync(at)) return "missing";
  const found = new Set(FILES.map((name) => (existsSync(join(at, name)) ? readFileSync(join(at, name), "utf8") : "-")));
  return found.size === 1 && !found.has("-") ? String([...found][0]) : "broken";
}
function databaseAt(file: string): string {
  if (!existsSync(file)) return "missing";
  const database = openSqliteFile(file, { mode: "read" });
  try {
    return String(firstValue(database, "select which from t"));
  } finally {
    database.close();
  }
}

/** What exists of the old site, in its places or beside them. */
function oldCopies(): string[] {
  const beside = readdirSync(world, { recursive: true, withFileTypes: true })
    .filter((entry) => join(entry.parentPath, entry.name).includes(PREFIX))
    .map((entry) => join(entry.parentPath, entry.name));
  const trees = [join(world, "site/legacy/one"), join(world, "site/legacy/two"), ...beside];
  const files = [join(world, "site/db.sqlite3"), ...beside.filter((file) => file.endsWith("-db.sqlite3"))];
  return [
    ...trees.filter((tree) => treeAt(tree) === "old").map(() => "tree"),
    ...files.filter((file) => databaseAt(file) === "old").map(() => "db"),
  ];
}
const spares = (): string[] =>
  [...readdirSync(world), ...readdirSync(join(world, "site"))].filter((name) => name.startsWith(PREFIX));
const lastOfService = (): string => readFileSync(join(world, "service"), "utf8").trim().split("\n").at(-1) ?? "";

/** What must hold after every command, killed or not. */
async function check(context: string): Promise<void> {
  const now = await state();
  const old = isConfirmed ? NEW : OLD;
  if (now === "ended") {
    expect([old, NEW], context).toContain(site());
    expect(spares(), context).toEqual([]);
    expect(["", "started"], context).toContain(lastOfService());
  } else if (now === "completed") {
    expect(site(), context).toBe(NEW);
    expect(lastOfService(), context).toBe("started");
  } else if (now === "confirming") expect(site(), context).toBe(NEW);
  else if (now === "staging") expect(site(), context).toBe(old);
  isConfirmed ||= now === "confirming" || (now === "ended" && site() === NEW);
  if (!isConfirmed) expect(oldCopies(), `${context}: the old copies`).toEqual(["tree", "tree", "db"]);
}

/** Performs a command, killed or not, and holds it against the table. */
async function tryCommand(command: Command, at: number, context: string): Promise<Outcome> {
  const before = await state();
  const old = site();
  const allowed =
    command === "restore" ? RESTORE_RULES[before].begin : RESTORE_RULES[before].commands[command] !== undefined;
  const outcome = await perform(command, at);
  const where = `${context}, ${command} in the state ${before}`;
  if (!allowed) {
    expect(outcome.error, where).toMatchObject({
      code: expect.stringMatching(/^E_(PENDING|RUN_UNKNOWN|SAFETY)$/),
      hint: expect.stringMatching(/^(?!$)/),
    });
    expect([await state(), site(), outcome.steps.length], where).toEqual([before, old, 0]);
  } else if (!outcome.wasKilled) {
    expect(outcome.error, where).toBeNull();
    expect(["completed", "ended"], where).toContain(await state());
  }
  await check(where);
  return outcome;
}

/** Kills `command`, begun in the saved state `from`, before each of its changes; each time every other command follows. */
async function killEverywhere(command: Command, from: string): Promise<number> {
  for (let at = 0; ; at++) {
    load(from);
    const { wasKilled, steps } = await tryCommand(command, at, from);
    if (!wasKilled) return at;
    const context = `${command} killed before change ${at} (${steps[at]?.action} ${steps[at]?.object})`;
    save("killed");
    const now = await state();
    const rules = RESTORE_RULES[now];
    const allowed = COMMANDS.filter((next) =>
      next === "restore" ? rules.begin && now !== "ended" : rules.commands[next] !== undefined,
    );
    for (const next of COMMANDS.filter((one) => !allowed.includes(one) && now !== "ended"))
      await tryCommand(next, NEVER, context);
    for (const next of allowed) {
      load("killed");
      await tryCommand(next, NEVER, context);
    }
  }
}

describe("killed before each change", () => {
  test("a restore", async () => {
    expect(await killEverywhere("restore", "start")).toBeGreaterThan(15);
  });

  test("the commands that end it", async () => {
    load("start");
    await tryCommand("restore", NEVER, "start");
    save("completed");
    for (const command of ["confirm", "rollback"] as const)
      expect(await killEverywhere(command, "completed")).toBeGreaterThan(3);
    load("completed");
    await perform("rollback", 6);
    save("half rolled back");
    expect(await state()).toBe("rolling_back");
    expect(site()).not.toBe(OLD);
    expect(await killEverywhere("recover", "half rolled back")).toBeGreaterThan(3);
    load("start");
    const whole = await perform("restore");
    const swap = whole.steps.findIndex(({ action }) => action === "move");
    load("start");
    await perform("restore", swap + 1);
    expect(await state()).toBe("swapping");
    save("half swapped");
    expect(await killEverywhere("recover", "half swapped")).toBeGreaterThan(3);
  });
});

test("in any order, each killed anywhere", async () => {
  const command = fc.record({
    command: fc.constantFrom(...COMMANDS),
    at: fc.oneof(fc.nat(30), fc.constant(NEVER)),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(command, { minLength: 2, maxLength: 6 }), async (commands) => {
      load("start");
      const done: string[] = [];
      for (const { command: name, at } of commands) {
        done.push(at === NEVER ? name : `${name} killed at ${at}`);
        await tryCommand(name, at, done.join(", "));
      }
      for (const name of ["recover", "rollback", "confirm"] as const)
        if ((await state()) !== "ended") await tryCommand(name, NEVER, `${done.join(", ")}, then ${name}`);
      expect(await state()).toBe("ended");
    }),
    { numRuns: 10 },
  );
});
