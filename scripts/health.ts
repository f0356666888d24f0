#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { healthCommand } = await import("../lib/cli/health/command.ts");
await healthCommand();
