/** Loaded before any program of a documented world: the time is that of $WORLD_CLOCK, and hardly passes, so that names made of it are as printed. */
const SLOWER = 100;
const start = Date.parse(process.env.WORLD_CLOCK ?? "");
const begun = performance.now();
const now = () => Math.floor(start + (performance.now() - begun) / SLOWER);

globalThis.Date = new Proxy(Date, {
  construct: (target, args, newTarget) => Reflect.construct(target, args.length === 0 ? [now()] : args, newTarget),
  get: (target, key) => (key === "now" ? now : Reflect.get(target, key)),
});
