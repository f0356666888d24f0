#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { logsCommand } = await import("../lib/cli/logs-command.ts");
await logsCommand();
