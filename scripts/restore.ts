#!/usr/bin/env -S npx tsx
/** Brings a run back: to a directory or in place, whole or a part of it. */
import "../lib/node-version.ts";

const { restoreCommand } = await import("../lib/cli/restore/command.ts");
await restoreCommand();
