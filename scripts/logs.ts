#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { logsCommand } = await import("../lib/cli/runs/logs.ts");
await logsCommand();
