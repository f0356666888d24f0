#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { initCommand } = await import("../lib/cli/init/command.ts");
await initCommand();
