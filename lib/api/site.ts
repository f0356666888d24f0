/** The site and the store that a caller named. */
import path from "node:path";
import { loadConfig, type SiteConfig } from "../config/load.ts";
import { HoldfastError } from "../errors.ts";
import type { ContentSource } from "../ops/runs/content-source.ts";
import type { RemoteStore } from "../ops/remote/store.ts";

/** The directory of the configs of named sites. */
const CONFIG_HOME = "/etc/holdfast";

/** The config of a site or the site's name, and the store; at least one of them. */
export interface HoldfastOptions {
  /** Path of the config file. */
  readonly config?: string | undefined;
  /** Name of the site, in place of `config`: its config is `/etc/holdfast/NAME.yaml`. */
  readonly site?: string | undefined;
  /** Path of the store; the config's `dest` when absent. */
  readonly store?: string | undefined;
}

/** A store, and the config of its site if that is known. */
export interface SiteStore {
  readonly store: string;
  readonly config: SiteConfig | undefined;
  /** Brings what is not in the directory of a store on a target. */
  readonly content?: ContentSource | undefined;
}

/** Finds config and store for each call anew, so that a changed config counts from the next call on. */
export class Site {
  readonly #file: string | undefined;
  readonly #store: string | undefined;

  /** Throws `E_USAGE` for neither a config nor a store, or for two configs. */
  constructor({ config, site, store }: HoldfastOptions) {
    if (config !== undefined && site !== undefined)
      throw new HoldfastError("E_USAGE", "config and site exclude each other");
    if (site !== undefined && !/^[\w.-]+$/.test(site))
      throw new HoldfastError("E_USAGE", `${site} is not a valid name of a site`, { hint: "give its config instead" });
    const file = config ?? (site === undefined ? undefined : path.join(CONFIG_HOME, `${site}.yaml`));
    if (file === undefined && store === undefined)
      throw new HoldfastError("E_USAGE", "neither a config nor a store is given", {
        hint: "give config, site or store",
      });
    this.#file = file === undefined ? undefined : path.resolve(file);
    this.#store = store === undefined ? undefined : path.resolve(store);
  }

  /** Returns the path of the config. Throws `E_CONFIG` if none is given. */
  get file(): string {
    if (this.#file !== undefined) return this.#file;
    throw new HoldfastError("E_CONFIG", "this needs the config of the site", { hint: "give config or site" });
  }

  /** Returns the config. Throws `E_CONFIG`. */
  get config(): SiteConfig {
    return loadConfig(this.file, process.env);
  }

  /** Returns the config if one is given. Throws `E_CONFIG` for an invalid one. */
  get knownConfig(): SiteConfig | undefined {
    return this.#file === undefined ? undefined : this.config;
  }

  /** The store that was given, in place of the config's. */
  get givenStore(): string | undefined {
    return this.#store;
  }

  /** Returns the path of the store. Throws `E_USAGE` if neither a store nor a `dest` is given. */
  get store(): string {
    const store = this.#store ?? this.knownConfig?.dest;
    if (store !== undefined) return store;
    throw new HoldfastError("E_USAGE", "no store is given: neither store nor dest in the config");
  }

  /** Returns the store and the config. Throws `E_CONFIG` if none is given. */
  get configured(): { readonly store: string; readonly config: SiteConfig } {
    return { store: this.store, config: this.config };
  }

  get siteStore(): SiteStore {
    return { store: this.store, config: this.knownConfig };
  }
}

/** Opens the store on a target of the config, which the caller closes. Throws what `RemoteStore.open` throws. */
export const openRemote = async (
  config: SiteConfig,
  target: string,
  { signal, onWarning }: { readonly signal: AbortSignal; readonly onWarning: (text: string) => void },
): Promise<RemoteStore> => {
  const { RemoteStore: Opened } = await import("../ops/remote/store.ts");
  return await Opened.open(target, config, { signal, onBytes: () => {}, onNote: onWarning });
};
