#!/usr/bin/env -S npx tsx
import { healthCommand } from "../lib/cli/health-command.ts";

await healthCommand();
