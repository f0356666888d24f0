/** Paths of RESTORE.md's commands: below `$ROOT`, or below `$OUTSIDE` for trees that lay outside of the site's root. */
import { shellQuote, shellQuoteBytes } from "../../report/shell.ts";
import { isOutside, placeBytes, type Place } from "../../store/run/places.ts";

/** Returns the shell word for the path that a tree goes back to. */
export function target(place: Pick<Place, "path" | "path_b64">): string {
  if (place.path === "") return `"$ROOT"`;
  const text = place.path_b64 === undefined ? shellQuote(place.path) : shellQuoteBytes(placeBytes(place));
  return isOutside(place) ? `"$OUTSIDE"${text}` : `"$ROOT"/${text}`;
}

/** Returns the shell word for the directory that a tree or file lies in. */
export function directoryOf(place: Place): string {
  const bytes = placeBytes(place);
  const slash = bytes.lastIndexOf("/");
  const parent = bytes.subarray(0, Math.max(0, slash));
  return slash === 0 ? `"$OUTSIDE"/` : target({ path: parent.toString("utf8"), path_b64: parent.toString("base64") });
}

/** Returns the shell word for a file of the run. */
export const fileOfRun = (file: string): string => `"$RUN"/${shellQuote(file)}`;
