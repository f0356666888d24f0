#!/usr/bin/env -S npx tsx
import "../lib/node-version.ts";

const { deleteCommand } = await import("../lib/cli/runs/delete.ts");
await deleteCommand();
