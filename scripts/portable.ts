#!/usr/bin/env -S npx tsx
/** Any database out as JSON with natural keys, and in again. */
import "../lib/node-version.ts";

const { portableCommand } = await import("../lib/cli/portable/command.ts");
await portableCommand();
