#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { verifyCommand } = await import("../lib/cli/verify/command.ts");
await verifyCommand();
