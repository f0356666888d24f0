#!/usr/bin/env -S npx tsx
/** Any database out as JSON with natural keys, and in again. */
import { portableCommand } from "../lib/cli/portable-command.ts";

await portableCommand();
