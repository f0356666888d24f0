/** Writes the metrics of a site for the textfile collector of Prometheus' node exporter. */
import path from "node:path";
import type { SiteConfig } from "../../config/load.ts";
import { asHoldfastError, HoldfastError } from "../../errors.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { findStore } from "../../store/open.ts";
import { openSigning } from "../../store/signing/open.ts";
import { collectMetrics } from "./collect.ts";
import { formatMetrics } from "./names.ts";

/** Writes `holdfast_<site>.prom` where the config asks for it; returns warnings. Never throws. */
export async function writeMetrics(config: SiteConfig, dest: string, signal: AbortSignal): Promise<string[]> {
  if (config.metrics === undefined) return [];
  const directory = path.resolve(config.root, config.metrics.textfile);
  const file = path.join(directory, `holdfast_${config.site}.prom`);
  try {
    const { path: store, site } = await findStore(dest);
    if (site !== config.site) throw new HoldfastError("E_STORE", `the store ${store} belongs to the site ${site}`);
    const signing = openSigning(config.signing, store);
    const text = formatMetrics(config.site, await collectMetrics(store, new Date(), { signing, signal }));
    await writeFileAtomic(file, text, { mode: 0o644 });
    return [];
  } catch (error) {
    return [`the metrics could not be written to ${file}: ${asHoldfastError(error).message}`];
  }
}
