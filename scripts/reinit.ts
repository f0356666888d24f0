#!/usr/bin/env -S npx tsx
/** Clears what users made, and keeps what the config says. */
import { reinitCommand } from "../lib/cli/reinit-command.ts";

await reinitCommand();
