/** The current paths of what a run recorded. */
import type { BytePath } from "../../archive/entry.ts";
import { fromString, join } from "../../archive/path.ts";
import type { SiteConfig } from "../../config/load.ts";
import { placeBytes, type Place } from "../../store/run/places.ts";

/** Returns the current path on the site of a path of the run. */
export const onSite = ({ root }: Pick<SiteConfig, "root">, place: Pick<Place, "path" | "path_b64">): BytePath => {
  const bytes = placeBytes(place).toString("latin1");
  return bytes.startsWith("/") ? bytes : join(fromString(root), bytes);
};
