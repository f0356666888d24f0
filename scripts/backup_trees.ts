#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { backupCommand } = await import("../lib/cli/backup/command.ts");
await backupCommand("backup_trees", "trees");
