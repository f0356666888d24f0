/** A kind of database server that tests use. */
export interface ServerEngine {
  readonly name: "postgres" | "mariadb";
  /** Makes the data directory of a new server, once for all servers of a test run. */
  prepare(): Promise<Template>;
  /** Starts a server on a copy of a template. */
  boot(template: Template): Promise<RunningServer>;
}

export interface Template {
  readonly data: string;
  /** The superuser's; empty where none is set yet. */
  readonly password: string;
  remove(): void;
}

/** Where a server listens, and its superuser. */
export interface Endpoint {
  readonly port: number;
  /** A directory with the server's Unix socket. */
  readonly directory: string;
  readonly superuserPassword: string;
}

export interface RunningServer {
  /** Gives the superuser a new password. */
  hand(): Promise<Endpoint>;
  /** Removes all databases, users and settings that tests left; false where the server is not as new after that. */
  reset(): Promise<boolean>;
  stop(): Promise<void>;
}
