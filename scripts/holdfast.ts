#!/usr/bin/env node
import "../lib/node-version.ts";

const { runHoldfast } = await import("../lib/cli/run.ts");
await runHoldfast();
