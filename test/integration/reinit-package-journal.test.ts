/** A reinit, and a package restored in place, stopped before each single change: ended, everything is wholly old or wholly new. */
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  appendFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { loadConfig, type SiteConfig } from "../../lib/config/load.ts";
import { HoldfastError } from "../../lib/errors.ts";
import { restorePackage } from "../../lib/ops/package/restore.ts";
import { reinit } from "../../lib/ops/reinit/run.ts";
import { recoverReinit } from "../../lib/ops/reinit/recover.ts";
import { assertNothingPending } from "../../lib/ops/journals/pending.ts";
import { endRestore } from "../../lib/ops/restore/end.ts";
import type { OnStep, Step } from "../../lib/ops/journals/on-step.ts";
import { openSqliteFile } from "../../lib/sqlite/open.ts";
import { firstValue } from "../../lib/sqlite/query.ts";
import { runInProcess } from "../support/commands/in-process.ts";
import { makeDatabase, makePackageSite } from "../support/sites/package.ts";
import { reinitRows, reinitSchema, reinitSite } from "../support/sites/reinit.ts";
import { removeTree } from "../support/temp.ts";

const NEVER = Number.MAX_SAFE_INTEGER;
let directory: string;
beforeAll(() => {
  // In memory, where the many fsyncs of a journal cost nothing.
  directory = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "holdfast-reinit-journal-"));
});
afterAll(() => removeTree(directory));

/** Stops the work before change number `at`, and every change after it, as a kill would. */
function killer(at: number): { readonly onStep: OnStep; readonly steps: Step[] } {
  const steps: Step[] = [];
  return {
    steps,
    onStep: (step) => {
      steps.push(step);
      if (steps.length > at) throw new Error(`killed before ${step.action} ${step.object}`);
    },
  };
}

/** Returns the changes that were made, one more if it was stopped there; the error if it ended by another one. */
async function tryUntil(at: number, work: (onStep: OnStep) => Promise<unknown>) {
  const { onStep, steps } = killer(at);
  const error: unknown = await work(onStep).then(
    () => null,
    (failure: unknown) => failure,
  );
  return { error, wasKilled: steps.length > at, steps };
}

/** Undefined where nothing was thrown. */
const codeOf = (error: unknown): unknown =>
  error === null ? undefined : error instanceof HoldfastError ? error.code : error;

function query(file: string, text: string): unknown {
  const database = openSqliteFile(file, { mode: "read" });
  try {
    return firstValue(database, text);
  } finally {
    database.close();
  }
}

const quiet = { signal: new AbortController().signal, report: () => {}, onPhase: () => {}, confirm: async () => {} };

test("a reinit, and its recovery", async () => {
  const own = join(directory, "reinit");
  mkdirSync(own);
  const file = join(own, "data.db");
  const place = reinitSite(own, makeDatabase(file, reinitSchema("SQLite"), reinitRows), ["admin_command: ['true']"]);
  // The service writes as soon as it is started.
  const row = `[sqlite3, ${file}, "insert or ignore into tag (name) values ('live')"]`;
  appendFileSync(place.config, `\nhealth: { service: { start: ${row}, stop: ['true'] } }\n`);
  const config = loadConfig(place.config, process.env);
  const request = { config, store: place.dest, dryRun: false };
  const saved = join(directory, "reinit-saved");
  cpSync(own, saved, { recursive: true, preserveTimestamps: true });
  const load = (): void => {
    for (const name of ["site", "data.db"]) {
      rmSync(join(own, name), { recursive: true });
      cpSync(join(saved, name), join(own, name), { recursive: true, preserveTimestamps: true });
    }
    rmSync(join(place.dest, "reinits"), { recursive: true, force: true });
  };
  const state = (): string => {
    const books = Number(query(file, "select count(*) from book"));
    const asides = readdirSync(place.root).filter((name) => name.includes(".reinit-")).length;
    return `${books} books, ${readdirSync(place.media).length} files, ${asides} aside`;
  };
  const live = (): boolean => Number(query(file, "select count(*) from tag where name = 'live'")) === 1;
  const seen = new Set<string>();
  for (let at = 0; ; at++) {
    load();
    const { error, wasKilled, steps } = await tryUntil(
      at,
      async (onStep) => await reinit(request, { ...quiet, onStep }),
    );
    if (!wasKilled) {
      expect(error).toBeNull();
      expect(at).toBeGreaterThan(8);
      break;
    }
    const context = `killed before ${steps[at]?.action} ${steps[at]?.object}`;
    const isPending =
      existsSync(join(place.dest, "reinits")) &&
      readdirSync(join(place.dest, "reinits")).some((name) => name.endsWith(".json"));
    if (isPending && steps[at]?.action !== "remove") {
      expect(() => assertNothingPending(place.dest), context).toThrow(expect.objectContaining({ code: "E_PENDING" }));
      const recover = async (onStep: OnStep): Promise<unknown> =>
        await recoverReinit({ config, store: place.dest }, { ...quiet, onStep });
      for (const second of [at % 5, NEVER]) {
        const wasLive = live();
        const recovered = await tryUntil(second, recover);
        // What the service has written since its start is not cleared, and not imported over.
        if (wasLive) expect(live(), context).toBe(true);
        if (second === NEVER) expect([undefined, "E_RUN_UNKNOWN"], context).toContain(codeOf(recovered.error));
      }
    }
    expect(["2 books, 1 files, 0 aside", "0 books, 0 files, 1 aside"], context).toContain(state());
    expect(() => assertNothingPending(place.dest), context).not.toThrow();
    seen.add(state());
  }
  expect(seen.size).toBe(2);
});

test("a package restored in place, and each command that ends it", async () => {
  const source = join(directory, "source");
  mkdirSync(source);
  const tgz = join(directory, "site.tgz");
  const made = await runInProcess("portable", [
    ...["package", "--config", makePackageSite(source), "-o", tgz],
    ...["--from-dump", "--include-users", "--include-passwords"],
  ]);
  expect(made).toMatchObject({ code: 0 });
  const host = join(directory, "host");
  const [root, store] = [join(host, "site"), join(host, "store")];
  const file = join(root, "db.sqlite3");
  mkdirSync(join(root, "media"), { recursive: true });
  writeFileSync(join(root, "media/old.txt"), "old");
  makeDatabase(file, "create table app_note (slug text)", "insert into app_note values ('own')");
  const configFile = join(directory, "host.yaml");
  writeFileSync(
    configFile,
    `site: notes\nroot: ${root}\ndest: ${store}\ndatabase: { url: sqlite:///db.sqlite3 }\nsnapshots: { media: [media] }\n`,
  );
  const config: SiteConfig = loadConfig(configFile, process.env);
  const saved = join(directory, "host-saved");
  cpSync(host, saved, { recursive: true, preserveTimestamps: true });
  const state = (): string => {
    const media = join(root, "media");
    const trees = !existsSync(media) ? "no" : existsSync(join(media, "old.txt")) ? "old" : "new";
    const rows = existsSync(file) ? Number(query(file, "select count(*) from app_note where slug <> 'own'")) : -1;
    return `${trees} media, ${rows === -1 ? "no" : rows === 0 ? "old" : "new"} rows`;
  };
  const restore = async (onStep: OnStep): Promise<unknown> =>
    await restorePackage(
      {
        file: tgz,
        rules: { directory: undefined, config, map: {} },
        database: { url: `sqlite:///${file}`, execPrefix: [], root },
        owners: { by: "name" },
        dryRun: false,
        force: false,
        instance: undefined,
        intoOther: false,
        refine: { defaults: {}, map: {} },
        inPlace: { config, store, unit: "db", withoutSafety: undefined, breakLock: false },
      },
      { ...quiet, onRows: () => {}, onStep },
    );
  const [OLD, NEW] = ["old media, old rows", "new media, new rows"];
  for (let at = 0; ; at++) {
    removeTree(root);
    cpSync(join(saved, "site"), root, { recursive: true, preserveTimestamps: true });
    rmSync(join(store, "restores"), { recursive: true, force: true });
    const { error, wasKilled, steps } = await tryUntil(at, restore);
    const context = `killed before ${steps[at]?.action} ${steps[at]?.object}`;
    if (!wasKilled) {
      expect([error, state()]).toEqual([null, NEW]);
      expect(at).toBeGreaterThan(8);
      break;
    }
    const end = async (how: "confirm" | "rollback" | "recover", stop = NEVER) =>
      await tryUntil(
        stop,
        async (onStep) => await endRestore({ store, config, how, breakLock: false }, { ...quiet, onStep }),
      );
    const isPending = ((): boolean => {
      try {
        assertNothingPending(store);
        return false;
      } catch {
        return true;
      }
    })();
    if (!isPending) {
      expect(state(), context).toBe(OLD);
      continue;
    }
    expect((await end("confirm")).error, context).toMatchObject({ code: "E_PENDING" });
    const how = at % 2 === 0 ? "recover" : "rollback";
    await end(how, at % 6);
    // Ended by the first one already: there is nothing to end, or it is completed.
    const again = codeOf((await end(how)).error);
    expect([undefined, "E_RUN_UNKNOWN", "E_PENDING"], context).toContain(again);
    expect([OLD, ...(how === "recover" ? [NEW] : [])], context).toContain(state());
    if (state() === NEW) expect((await end("confirm")).error, context).toBeNull();
    expect(() => assertNothingPending(store), context).not.toThrow();
    expect(readdirSync(root).toSorted(), context).toEqual(["db.sqlite3", "media"]);
  }
});
