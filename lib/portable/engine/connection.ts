/** A session together with the rules of its engine, through which the portable engine reads and writes. */
import type { PortableEngine } from "./interface.ts";
import type { Session } from "./session.ts";

/** Opened by engines/connect.ts. */
export interface Connection extends Session {
  readonly engine: PortableEngine;
}
