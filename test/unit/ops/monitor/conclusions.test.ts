/** What alerts say of a backup, from its documents. */
import path from "node:path";
import { describe, expect, test } from "vitest";
import type { Anomaly } from "../../../../lib/model/anomaly.ts";
import { concludeBackup } from "../../../../lib/ops/monitor/backup.ts";
import type { Published } from "../../../../lib/ops/backup/request.ts";
import { writeDocument } from "../../../../lib/store/files/json-documents.ts";
import { makeRun, makeStore } from "../../../support/runs/stores.ts";
import { tempDirectory } from "../../../support/temp.ts";

const RUN = "20261120T020000Z";
const alarm: Anomaly = {
  ...{ level: "alarm", code: "shrank", step: "db", unit: "clara", table: "book" },
  ...{ was: 900, now: 12, rule: "fewer rows than ever" },
};
const notice: Anomaly = { ...alarm, level: "notice", code: "grew", table: "log" };

async function outcomeOf(anomalies: readonly Anomaly[], more: Partial<Published> = {}): Promise<Published> {
  const store = makeStore(path.join(tempDirectory(), "store"));
  const directory = await makeRun(store, RUN, [{ directory: "trees/a" }], { anomalies: [...anomalies] });
  const totals = { units: 3, failed: 0, skipped: 0, accepted: 0, artifacts: 3 };
  return {
    ...{ run: RUN, path: directory, status: "complete", scope: "full" },
    totals: { ...totals, size_bytes: 2048, written_bytes: 0, reused_bytes: 2048 },
    ...{ failures: [], anomalies, alarmStatus: 0, uncovered: [], warnings: [], afterFailed: false },
    ...more,
  };
}

const storeOf = ({ path: run }: Published): string => path.join(run ?? "", "../..");

describe("a backup", () => {
  test("without anomalies settles what failed", async () => {
    const { news, settled, title } = concludeBackup("clara", await outcomeOf([]), 0);
    expect(news.map(({ event }) => event)).toEqual(["success"]);
    expect(settled).toEqual(["backup", "missed"]);
    expect(title).toBe(`clara: the backup ${RUN} is complete: 3 units, 0 failed, 2.0 KiB`);
  });

  test("with alarms and notices is one message, and settles nothing", async () => {
    const { news, settled } = concludeBackup("clara", await outcomeOf([notice, alarm]), 0);
    const found = news.filter(({ event }) => event === "anomaly");
    expect(found).toHaveLength(1);
    expect(found[0]).toMatchObject({ subject: "backup", title: `clara: the backup ${RUN} has 2 anomalies`, run: RUN });
    expect(found[0]?.text).toBe(
      "alarm shrank db/clara/book (was 900, is 12): fewer rows than ever\n" +
        "notice grew db/clara/log (was 900, is 12): fewer rows than ever",
    );
    expect(settled).toEqual([]);
  });

  test("with a notice alone is a message, and no failure", async () => {
    const { news, settled } = concludeBackup("clara", await outcomeOf([notice]), 0);
    expect(news.map(({ event, subject }) => [event, subject])).toEqual([
      ["success", null],
      ["anomaly", null],
    ]);
    expect(settled).toEqual(["backup", "missed"]);
  });

  test("whose alarm was accepted has none", async () => {
    const outcome = await outcomeOf([alarm]);
    const { code, step, unit, table } = alarm;
    const accepted = [{ code, step, unit, table, reason: "purged", by: "anna", at: "2026-11-20T09:00:00Z" }];
    const document = { format: "holdfast-accepted", format_version: "1.0.0", run: RUN, accepted };
    writeDocument(path.join(storeOf(outcome), "evidence", RUN, "accepted.json"), document);
    const { news, settled } = concludeBackup("clara", outcome, 0);
    expect(news.map(({ event }) => event)).toEqual(["success"]);
    expect(settled).toEqual(["backup", "missed"]);
  });

  test("has the same cause for the same failures in any order, and another for others", async () => {
    const failure = (unit: string) => ({
      ...{ step: "trees", unit, severity: "failed", code: "E_MISSING", message: "gone", hint: "create it" },
      ...{ last_good_run: null, at: "2026-11-20T02:00:03Z" },
    });
    const causeOf = async (...units: readonly string[]): Promise<string | undefined> => {
      const failures = units.map(failure) as Published["failures"];
      return concludeBackup("clara", await outcomeOf([], { status: "partial", failures }), 3).news[0]?.cause;
    };
    expect(await causeOf("a", "b")).toBe(await causeOf("b", "a"));
    expect(await causeOf("a", "b")).not.toBe(await causeOf("a"));
  });

  test("names twenty failures, hides passwords of addresses, and shows control characters", async () => {
    const failures = Array.from({ length: 30 }, (_, index) => ({
      ...{ step: "trees", unit: `u${index}`, severity: "failed", code: "E_MISSING", hint: "create it" },
      ...{
        message: "postgresql://clara:planted@db/x\u001b[31m\nis gone",
        last_good_run: null,
        at: "2026-11-20T02:00:03Z",
      },
    })) as Published["failures"];
    const { text } = concludeBackup("clara", await outcomeOf([], { status: "partial", failures }), 3);
    expect(text.match(/^failed trees/gm)).toHaveLength(20);
    expect(text).toContain("… and 10 more");
    expect(text).toContain(String.raw`postgresql://clara:***@db/x\x1b[31m\nis gone [E_MISSING]`);
    expect(text).not.toContain("planted");
  });
});
