/** The commands, a row each: the verbs of `holdfast` and the scripts. A new verb is its file and its row here. */
import type { CommandTable } from "./core/table.ts";

/** The paragraph about the whole program. */
export const DESCRIPTION =
  "Backs up a whole self-hosted web application into plain files, proves the backups, and restores them.";

export const COMMANDS = {
  init: {
    describe: "write a config for an installation, and try it",
    load: async () => (await import("./init/command.ts")).init,
  },
  config: {
    describe: "check a config, or show it with its defaults",
    description: "Checks a config, or shows it with its defaults, variables and paths resolved.",
    verbs: async () => (await import("./config/verbs.ts")).CONFIG_COMMANDS,
  },
  backup: {
    describe: "back up the whole site",
    script: "backup_all",
    load: async () => (await import("./backup/command.ts")).backupAll,
  },
  step: {
    describe: "back up one step of the site",
    description: "Backs up one step of the site alone.",
    verbs: async () => (await import("./backup/steps.ts")).STEP_COMMANDS,
  },
  verify: {
    describe: "prove a run: counts, checksums, archives, dumps",
    load: async () => (await import("./verify/command.ts")).verify,
  },
  health: {
    describe: "check whether the site works and is backed up",
    load: async () => (await import("./health/command.ts")).health,
  },
  doctor: {
    describe: "check whether the installation is right",
    load: async () => (await import("./doctor/command.ts")).doctor,
  },
  drill: {
    describe: "restore a whole run into a sandbox, and compare it",
    load: async () => (await import("./drill/command.ts")).drill,
  },
  watch: {
    describe: "find missing runs and old proofs, and send alerts",
    load: async () => (await import("./watch/command.ts")).watch,
  },
  alerts: {
    describe: "test the routes of alerts",
    description: "Tests the routes by which alerts are sent.",
    verbs: async () => (await import("./alerts/commands.ts")).ALERT_COMMANDS,
  },
  list: {
    describe: "list the runs of a store, or the units of one",
    load: async () => (await import("./runs/list.ts")).list,
  },
  find: {
    describe: "find files in the runs of a store",
    load: async () => (await import("./runs/find.ts")).find,
  },
  diff: {
    describe: "compare two runs, or a run with the site",
    load: async () => (await import("./diff/command.ts")).diff,
  },
  logs: {
    describe: "print the log of a run",
    load: async () => (await import("./runs/logs.ts")).logs,
  },
  anomaly: {
    describe: "list and accept what differs from the site's history",
    description: "Lists how runs differ from the history of the site, and accepts what is as it should be.",
    verbs: async () => (await import("./anomaly/verbs.ts")).ANOMALY_COMMANDS,
  },
  delete: {
    describe: "delete a run that nothing needs",
    load: async () => (await import("./runs/delete.ts")).remove,
  },
  prune: {
    describe: "delete the runs that the retention policy does not keep",
    load: async () => (await import("./runs/prune.ts")).pruneCommand,
  },
  push: {
    describe: "copy runs to a target off-site, and verify them there",
    load: async () => (await import("./push/command.ts")).pushCommand,
  },
  pull: {
    describe: "copy the runs of another host's store into a copy of it here",
    load: async () => (await import("./pull/command.ts")).pullCommand,
  },
  pin: {
    describe: "keep a run whatever the retention policy says",
    load: async () => (await import("./runs/pin.ts")).pinCommand,
  },
  unpin: {
    describe: "release a pinned run",
    load: async () => (await import("./runs/pin.ts")).unpinCommand,
  },
  restore: {
    describe: "restore a run, a unit, a file or a package",
    load: async () => (await import("./restore/command.ts")).restore,
    instead: { package: async () => (await import("./restore/package-command.ts")).restorePackage },
  },
  reinit: {
    describe: "clear what users created, and keep what the config lists",
    load: async () => (await import("./reinit/command.ts")).reinit,
  },
  "recovery-kit": {
    describe: "write a directory that brings the site back without Holdfast",
    script: "recovery_kit",
    load: async () => (await import("./recovery-kit/command.ts")).recoveryKit,
  },
  portable: {
    describe: "export a database as JSON with natural keys, and import it",
    description:
      "Exports a database as JSON with natural keys, and imports it into another: SQLite, PostgreSQL, MySQL or MariaDB.",
    verbs: async () => (await import("./portable/commands/verbs.ts")).PORTABLE_COMMANDS,
  },
  install_systemd: {
    describe: "have systemd back up, verify, drill, prune and watch a site",
    load: async () => (await import("./service/install.ts")).installSystemd,
  },
  completion: {
    describe: "print a completion script for bash, zsh or fish",
    load: async () => (await import("./completion/command.ts")).completion,
  },
} satisfies CommandTable;
