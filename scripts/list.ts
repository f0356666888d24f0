#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { listCommand } = await import("../lib/cli/runs/list.ts");
await listCommand();
