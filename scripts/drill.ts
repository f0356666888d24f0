#!/usr/bin/env -S npx tsx
import { drillCommand } from "../lib/cli/drill-command.ts";

await drillCommand();
