/** Stores on targets, as stores of this host. */
import type { SiteConfig } from "../config/load.ts";
import { RemoteStore } from "../ops/remote/store.ts";
import type { Frame } from "./call.ts";

/** Opens the store on a target of the config, which the caller closes. Throws what `RemoteStore.open` throws. */
export const openRemote = async (
  config: SiteConfig,
  target: string,
  { signal, onWarning }: Pick<Frame, "signal"> & { readonly onWarning: (text: string) => void },
): Promise<RemoteStore> => await RemoteStore.open(target, config, { signal, onBytes: () => {}, onNote: onWarning });
