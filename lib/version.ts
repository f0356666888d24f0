/** The version of this Holdfast, as its package says. */
import { readFileSync } from "node:fs";
import * as z from "zod";

const own = import.meta.url;
const built = own.lastIndexOf("/dist/");
const place = new URL(built === -1 ? "../package.json" : `${own.slice(0, built)}/package.json`, own);

export const VERSION = z.object({ version: z.string() }).parse(JSON.parse(readFileSync(place, "utf8"))).version;
