#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { runScript } = await import("../lib/cli/run.ts");
await runScript("recovery-kit");
