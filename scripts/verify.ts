#!/usr/bin/env -S npx tsx
import { verifyCommand } from "../lib/cli/verify-command.ts";

await verifyCommand();
