#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { runStepScript } = await import("../lib/cli/run-step.ts");
await runStepScript("snapshots");
