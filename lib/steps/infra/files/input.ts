/** The `infra` section of a config as the collector takes it. */
import type { SiteConfig } from "../../../config/load.ts";
import type { InfraInput } from "./sources.ts";

/** Returns what the config names of the infrastructure; `knownSecrets` are taken out wherever they stand. */
export function inputOf({ root, infra, exec_prefix }: SiteConfig, knownSecrets: readonly string[]): InfraInput {
  return {
    root,
    ...(infra?.repo === undefined ? {} : { repo: infra.repo }),
    env: infra?.env ?? [],
    settings: infra?.settings ?? [],
    keepValues: infra?.keep_values ?? [],
    redactKeys: infra?.redact ?? [],
    nginx: infra?.nginx ?? [],
    apache: infra?.apache ?? [],
    php: infra?.php ?? [],
    cron: infra?.cron ?? [],
    files: infra?.files ?? [],
    systemd: infra?.systemd ?? [],
    crontabs: infra?.crontabs ?? [],
    tls: infra?.tls ?? [],
    execPrefix: exec_prefix,
    knownSecrets,
  };
}
