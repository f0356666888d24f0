/** The version of this Holdfast, as its package says. */
import { readFileSync } from "node:fs";
import path from "node:path";
import * as z from "zod";
import { HOME } from "./exec/compiled.ts";

const text = readFileSync(path.join(HOME, "package.json"), "utf8");

export const VERSION = z.object({ version: z.string() }).parse(JSON.parse(text)).version;
