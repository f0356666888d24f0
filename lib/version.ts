/** The version of this Holdfast, as its package says. */
import { readFileSync } from "node:fs";
import { z } from "zod";

const place = new URL(import.meta.url.includes("/dist/") ? "../../package.json" : "../package.json", import.meta.url);

export const VERSION = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(place, "utf8"))).version;
