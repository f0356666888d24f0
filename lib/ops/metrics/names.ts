/** The metrics, all of them gauges. Their names are an interface: dashboards and rules use them. */

export const METRICS = {
  holdfast_last_success_timestamp_seconds: "End of the newest full backup in which no unit failed.",
  holdfast_last_good_timestamp_seconds: "End of the newest full backup that is complete and has no open anomaly.",
  holdfast_last_drill_success_timestamp_seconds: "End of the newest drill that restored its run.",
  holdfast_proof_age_seconds: "Age of the newest proof, a drill or a deep verification, when this file was written.",
  holdfast_proof_coverage_ratio:
    "The part of the newest full backup's bytes that was proved in the last 35 days, 0 to 1.",
  holdfast_rto_seconds: "How long the newest successful drill of a whole run took to restore it.",
  holdfast_run_duration_seconds: "How long a step of the newest full backup took.",
  holdfast_run_bytes: "Bytes of the newest full backup: its size, those that it wrote, those that it reused.",
  holdfast_run_units: "Units in the newest full backup.",
  holdfast_run_failures: "Failed units of a step of the newest full backup.",
  holdfast_run_anomalies: "Anomalies of the newest full backup.",
  holdfast_target_last_success_timestamp_seconds: "End of the newest push to a target that succeeded.",
  holdfast_store_free_bytes: "Free bytes of the store's disk.",
} as const satisfies Readonly<Record<string, string>>;

export type MetricName = keyof typeof METRICS;

/** A value of a metric; the label `site` is added. */
export interface Sample {
  readonly name: MetricName;
  readonly labels?: Readonly<Record<string, string>>;
  readonly value: number;
}

/** Formats samples as a textfile of the node exporter. */
export function formatMetrics(site: string, samples: readonly Sample[]): string {
  const known: readonly MetricName[] = Object.keys(METRICS).filter((name) => isMetric(name));
  return known
    .flatMap((name) => {
      const own = samples.filter((sample) => sample.name === name);
      if (own.length === 0) return [];
      const lines = own.map(({ labels, value }) => `${name}{${labelsOf({ site, ...labels })}} ${value}`);
      return [`# HELP ${name} ${METRICS[name]}`, `# TYPE ${name} gauge`, ...lines];
    })
    .map((line) => `${line}\n`)
    .join("");
}

const isMetric = (name: string): name is MetricName => Object.hasOwn(METRICS, name);

const labelsOf = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${value.replaceAll(/[\\"]/g, String.raw`\$&`).replaceAll("\n", String.raw`\n`)}"`)
    .join(",");
