/** A reinit that is killed at any instant is whole or has not been, once it is recovered: the database and the directories together. */
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { builtScript } from "../../support/commands/build.ts";
import { rowsOf, useEngines } from "../../support/portable/engines.ts";
import { reinitRows, reinitSchema, reinitSite, type ReinitSite } from "../../support/sites/reinit.ts";
import { suiteDirectory } from "../../support/temp.ts";

const ROWS = 3000;
const engines = useEngines();
const directory = suiteDirectory("holdfast-reinit-kill-");

const reinit = ({ config }: ReinitSite, ...args: string[]) =>
  execa("node", [builtScript("reinit"), "--config", config, ...args], { reject: false, all: true });

async function stateOf({ url, media, root }: ReinitSite): Promise<string> {
  const rows = await rowsOf(
    url,
    "select (select count(*) from tag), (select count(*) from book), (select count(*) from auth_user)",
  );
  const aside = readdirSync(root).filter((one) => one.includes(".reinit-")).length;
  const state = `${rows[0]} media ${readdirSync(media).length} aside ${aside}`;
  if (state === `${ROWS + 2}|2|3 media 1 aside 0`) return "as it was";
  return state === "0|0|1 media 0 aside 1" ? "cleared" : state;
}

describe.each(["SQLite", "PostgreSQL", "MariaDB"])("on %s", (name) => {
  test.each(["SIGKILL", "SIGINT"] as const)(
    "by %s",
    async (signal) => {
      const engine = engines.of(name);
      const tags = Array.from({ length: ROWS }, (_, at) => `('tag ${at}')`).join(", ");
      const url = await engine.make(
        `${reinitSchema(engine.name)}\n${reinitRows}\ninsert into tag (name) values ${tags};`,
      );
      const place = reinitSite(join(directory, `${name}-${signal}`), url, ["admin_command: [sleep, '0.2']"]);
      const seen: string[] = [];
      for (let at = 0; at < 5; at++) {
        const running = reinit(place, "--yes", "--i-mean-it");
        const before = existsSync(join(place.dest, "reinits")) ? readdirSync(join(place.dest, "reinits")).length : 0;
        const began = (): boolean =>
          existsSync(join(place.dest, "reinits")) && readdirSync(join(place.dest, "reinits")).length > before;
        while (!began() && running.exitCode === null && running.pid !== undefined && existsSync(`/proc/${running.pid}`))
          await sleep(3);
        await sleep(at * 60 + Math.random() * 60);
        running.kill(signal);
        await running;
        await expect
          .poll(async () => Number((await rowsOf(url, "select count(*) from tag"))[0]) % (ROWS + 2), {
            timeout: 10_000,
          })
          .toBe(0);
        const { exitCode, all } = await reinit(place, "--recover");
        const nothingPends = /no reinit was interrupted/.test(all);
        expect(exitCode === 0 || nothingPends ? "" : all).toBe("");
        const state = await stateOf(place);
        seen.push(state);
        expect(["as it was", "cleared"]).toContain(state);
        if (state === "cleared") break;
      }
      expect(seen.length).toBeGreaterThan(0);
      // A whole one is still possible, or has been.
      if (seen.at(-1) === "as it was") {
        const { exitCode, all } = await reinit(place, "--yes", "--i-mean-it");
        expect({ exitCode, all }).toMatchObject({ exitCode: 0 });
        expect(await stateOf(place)).toBe("cleared");
      }
    },
    300_000,
  );
});
