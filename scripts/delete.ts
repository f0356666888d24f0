#!/usr/bin/env -S npx tsx
import { deleteCommand } from "../lib/cli/delete-command.ts";

await deleteCommand();
