#!/usr/bin/env -S npx tsx
import { logsCommand } from "../lib/cli/logs-command.ts";

await logsCommand();
