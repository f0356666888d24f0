/** Where this Holdfast is installed: the directory of its package. */
import { fileURLToPath } from "node:url";

export const HOME = fileURLToPath(new URL(import.meta.url.includes("/dist/") ? "../../.." : "../..", import.meta.url));
