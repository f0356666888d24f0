#!/usr/bin/env -S npx tsx
import { listCommand } from "../lib/cli/list-command.ts";

await listCommand();
