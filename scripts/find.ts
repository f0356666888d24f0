#!/usr/bin/env -S npx tsx
/** Finds files in the runs of a store. */
import "../lib/node-version.ts";

const { findCommand } = await import("../lib/cli/runs/find.ts");
await findCommand();
