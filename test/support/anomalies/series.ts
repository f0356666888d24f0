/** A year of a site's figures, by models of how sites grow and shrink; the same for the same seed. */

/** A random number generator with a seed (mulberry32). */
export function generator(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The models, each a function that yields the figures of one site from its random numbers, one a day. */
export type Model = (random: () => number, days: number) => number[];

/** A number of the standard normal distribution (Box and Muller). */
const normal = (random: () => number): number =>
  Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());

const rows = (value: number): number => Math.max(0, Math.round(value));

/** Between two thousand and two hundred thousand rows. */
const size = (random: () => number): number => 2000 * 100 ** random();

const steady: Model = (random, days) => {
  const base = size(random);
  return Array.from({ length: days }, (_, day) => rows(base * (1 + 0.0002 * day + 0.002 * normal(random))));
};

const growth: Model = (random, days) => {
  let value = size(random);
  return Array.from({ length: days }, () => rows((value *= Math.exp(Math.log(1.02) + 0.003 * normal(random)))));
};

const weekly: Model = (random, days) => {
  const base = size(random);
  const phase = 7 * random();
  return Array.from({ length: days }, (_, day) =>
    rows(base * (1 + 0.35 * Math.sin((2 * Math.PI * (day + phase)) / 7)) * Math.exp(0.02 * normal(random))),
  );
};

/** Grows by one per cent a day, and loses 28 per cent on one of the last days of each month. */
const purge: Model = (random, days) => {
  let value = size(random);
  const last = 27 + Math.floor(3 * random());
  return Array.from({ length: days }, (_, day) => {
    value *= 1.01 * Math.exp(0.002 * normal(random));
    if (day % 30 === last) value *= 0.72;
    return rows(value);
  });
};

/** Nearly flat, and some days of a year larger for ever. */
const imports: Model = (random, days) => {
  let value = size(random);
  return Array.from({ length: days }, () => {
    value *= Math.exp(0.0005 * Math.abs(normal(random)));
    if (random() < 3.8 / 365) value *= 1.2 + random();
    return rows(value);
  });
};

/** Grows slowly by bloat, which a vacuum removes now and then. */
const vacuums: Model = (random, days) => {
  let [base, bloat] = [size(random) * 1000, 0];
  return Array.from({ length: days }, () => {
    base *= Math.exp(0.001 + 0.001 * normal(random));
    bloat = random() < 1 / 45 ? 0 : Math.min(0.25, bloat + 0.004 * random());
    return rows(base * (1 + bloat));
  });
};

/** A queue that is now short and now long, and never the same. */
const queue: Model = (random, days) => {
  const base = Math.log(60 + 400 * random());
  return Array.from({ length: days }, () => rows(Math.exp(base + normal(random))));
};

export const MODELS = { steady, growth, weekly, purge, imports, vacuums, queue } as const satisfies Record<
  string,
  Model
>;
export type ModelName = keyof typeof MODELS;
