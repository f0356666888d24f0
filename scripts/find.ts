#!/usr/bin/env -S npx tsx
/** Finds files in the runs of a store. */
import { findCommand } from "../lib/cli/find-command.ts";

await findCommand();
