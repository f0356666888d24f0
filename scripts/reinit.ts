#!/usr/bin/env -S npx tsx
/** Clears what users made, and keeps what the config says. */
import "../lib/node-version.ts";

const { reinitCommand } = await import("../lib/cli/reinit/command.ts");
await reinitCommand();
