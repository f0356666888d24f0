#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { drillCommand } = await import("../lib/cli/drill/command.ts");
await drillCommand();
