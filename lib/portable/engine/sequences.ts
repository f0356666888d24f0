/** The engine's part in generated ids. */
import type { Table } from "../schema/tables.ts";
import type { Session } from "./session.ts";

export interface Sequences {
  /** Raises a table's sequences above its highest id, within the transaction. */
  raise(session: Session, table: Table): Promise<void>;
  /** Restarts the sequences of an emptied table, within the transaction. */
  restart(session: Session, table: Table): Promise<void>;
  /** Restarts the counters of an emptied table, where only a statement outside of transactions can. */
  readonly restartAfterCommit: ((session: Session, table: Table) => Promise<void>) | undefined;
}
