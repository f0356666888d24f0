/** The database engines, one row each. Drivers are loaded only when they are used. */
import type { DatabaseTarget, EngineName } from "../../database/snapshot.ts";
import type { Connection } from "../engine/connection.ts";
import type { PortableEngine } from "../engine/interface.ts";
import type { ConnectionMode } from "../engine/session.ts";
import { mariadb, mysql } from "./mysql/engine.ts";
import { postgres } from "./postgres/engine.ts";
import { sqlite } from "./sqlite/engine.ts";

interface Driver {
  connect(target: DatabaseTarget, mode: ConnectionMode, signal: AbortSignal): Promise<Connection>;
}

const ENGINES: Readonly<Record<EngineName, { readonly engine: PortableEngine; load(): Promise<Driver> }>> = {
  postgresql: { engine: postgres, load: async () => await import("./postgres/connection.ts") },
  mysql: { engine: mysql, load: async () => await import("./mysql/connection.ts") },
  mariadb: { engine: mariadb, load: async () => await import("./mysql/connection.ts") },
  sqlite: { engine: sqlite, load: async () => await import("./sqlite/connection.ts") },
};

export const portableEngine = (name: EngineName): PortableEngine => ENGINES[name].engine;

/** Returns the engine's driver, whose `connect` takes a URL without a password. */
export const loadDriver = async (name: EngineName): Promise<Driver> => await ENGINES[name].load();
