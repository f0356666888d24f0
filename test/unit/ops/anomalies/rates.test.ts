/**
 * The error rates of the rules for series: false alarms on a year of 120 sites of each model, and which part of sudden
 * losses is found. docs/anomalies.md has the table; run this file alone to see it measured again.
 */
import { describe, expect, test } from "vitest";
import { judgeSeries, WINDOW } from "../../../../lib/ops/anomalies/rules/series.ts";
import { generator, MODELS, type ModelName } from "../../../support/anomalies/series.ts";

const [SITES, DAYS] = [120, 365];
/** What a loss leaves of the day before, in hundredths. */
const LEFT = [0, 1, 50, 70, 85] as const;
type Left = (typeof LEFT)[number];
/** Days after which a series is known well enough for the alarms, and for the notice of one that never shrank. */
const [KNOWN, LONG_KNOWN] = [5, 15];

interface Rates {
  /** A year and site. */
  readonly alarms: number;
  readonly notices: number;
  /** Parts of the losses that were an alarm, or either. */
  readonly alarmed: ReadonlyMap<Left, number>;
  readonly noticed: ReadonlyMap<Left, number>;
}

/** What the design promises: at most so many false ones a year and site, at least such a part found. */
interface Promised {
  readonly alarms: number;
  readonly notices: number;
  readonly alarmed: Partial<Record<Left, number>>;
  readonly noticed?: Partial<Record<Left, number>>;
}

const PROMISED: Readonly<Record<ModelName, Promised>> = {
  steady: { alarms: 0, notices: 0, alarmed: { 0: 1, 50: 1, 70: 1 }, noticed: { 85: 1 } },
  growth: { alarms: 0, notices: 0, alarmed: { 0: 1, 1: 1, 50: 0.075 }, noticed: { 85: 1 } },
  weekly: { alarms: 0, notices: 0.01, alarmed: { 0: 1, 1: 1 } },
  purge: { alarms: 0, notices: 1, alarmed: { 0: 1, 50: 1, 70: 0.86 } },
  imports: { alarms: 0, notices: 0, alarmed: { 0: 1, 50: 0.78 }, noticed: { 50: 0.99, 85: 1 } },
  vacuums: { alarms: 0, notices: 2.4, alarmed: { 0: 1, 70: 1 } },
  queue: { alarms: 0.6, notices: 0.6, alarmed: { 0: 0.85 } },
};

describe.each(Object.keys(MODELS).filter((name): name is ModelName => name in PROMISED))("a year of %s", (name) => {
  const rates = simulate(name);
  console.log(shown(name, rates));
  const promised = PROMISED[name];

  test("has no more false alarms and notices than the design says", () => {
    expect(rates.alarms).toBeLessThanOrEqual(promised.alarms);
    expect(rates.notices).toBeLessThanOrEqual(promised.notices);
  });

  test("has its losses found as the design says", () => {
    for (const left of LEFT) {
      expect(rates.alarmed.get(left), `${left} % are left`).toBeGreaterThanOrEqual(promised.alarmed[left] ?? 0);
      expect(rates.noticed.get(left), `${left} % are left`).toBeGreaterThanOrEqual(promised.noticed?.[left] ?? 0);
    }
  });
});

function simulate(name: ModelName): Rates {
  let [alarms, notices] = [0, 0];
  const alarmed = new Map<Left, boolean[]>(LEFT.map((left) => [left, []]));
  const noticed = new Map<Left, boolean[]>(LEFT.map((left) => [left, []]));
  for (let site = 0; site < SITES; site++) {
    let window: number[] = [];
    for (const [day, value] of MODELS[name](generator(1000 + site), DAYS).entries()) {
      const found = judgeSeries(value, window);
      if (found?.level === "alarm") {
        alarms++;
        window = [value]; // the operator accepts it
        continue;
      }
      if (found !== undefined) notices++;
      if (day % 7 === KNOWN)
        for (const left of LEFT) {
          const loss = judgeSeries(Math.round(((window.at(-1) ?? 0) * left) / 100), window);
          alarmed.get(left)?.push(loss?.level === "alarm");
          if (day >= LONG_KNOWN) noticed.get(left)?.push(loss !== undefined);
        }
      window = [...window, value].slice(-WINDOW);
    }
  }
  return { alarms: alarms / SITES, notices: notices / SITES, alarmed: parts(alarmed), noticed: parts(noticed) };
}

const parts = (tried: ReadonlyMap<Left, boolean[]>): Map<Left, number> =>
  new Map([...tried].map(([left, all]) => [left, all.filter(Boolean).length / all.length]));

function shown(name: string, { alarms, notices, alarmed, noticed }: Rates): string {
  const found = LEFT.map((left) => {
    const [alarm, either] = [alarmed, noticed].map((part) => ((part.get(left) ?? 0) * 100).toFixed(0));
    return `${100 - left} % lost: ${alarm} % (${either} %)`;
  });
  return `${name}: ${alarms.toFixed(2)} alarms, ${notices.toFixed(2)} notices a year; ${found.join(", ")}`;
}
