#!/usr/bin/env -S npx tsx
import { backupCommand } from "../lib/cli/backup-command.ts";

await backupCommand("backup_trees", "trees");
