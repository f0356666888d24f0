/**
 * The part of `node:sqlite` that is used here: the types of Node 20 do not have the module.
 * https://nodejs.org/api/sqlite.html
 */

type Value = null | number | bigint | string | Uint8Array;

export interface NodeStatement {
  readonly sourceSQL: string;
  all(...parameters: readonly Value[]): Value[][];
  get(...parameters: readonly Value[]): Value[] | undefined;
  iterate(...parameters: readonly Value[]): IterableIterator<Value[]>;
  run(...parameters: readonly Value[]): { readonly changes: number | bigint };
  columns(): { readonly name: string }[];
  setReturnArrays(enabled: boolean): void;
  setReadBigInts(enabled: boolean): void;
}

export interface NodeDatabase {
  readonly isOpen: boolean;
  readonly isTransaction: boolean;
  exec(sql: string): void;
  prepare(sql: string): NodeStatement;
  close(): void;
}

interface BackupOptions {
  readonly rate: number;
  readonly progress?: (state: { readonly totalPages: number; readonly remainingPages: number }) => void;
}

export interface NodeSqlite {
  readonly DatabaseSync: new (
    path: string,
    options?: { readonly readOnly?: boolean; readonly timeout?: number; readonly defensive?: boolean },
  ) => NodeDatabase;
  readonly backup: (source: NodeDatabase, to: string, options: BackupOptions) => Promise<number>;
}

/**
 * Returns the module where this Node has one with backups and rows as arrays (22.16 and later), else undefined. Its
 * warning of being experimental is not for our users and is left out.
 */
export function loadNodeSqlite(): NodeSqlite | undefined {
  const { emitWarning } = process;
  process.emitWarning = () => {};
  try {
    const module: unknown = process.getBuiltinModule?.("node:sqlite");
    return isComplete(module) ? module : undefined;
  } finally {
    process.emitWarning = emitWarning;
  }
}

function isComplete(module: unknown): module is NodeSqlite {
  return typeof module === "object" && module !== null && "DatabaseSync" in module && "backup" in module;
}

/** Returns true where a text comes back whole: before 24.20 or so, the module cuts it at its first NUL. */
export function readsWholeTexts({ DatabaseSync }: NodeSqlite): boolean {
  const db = new DatabaseSync(":memory:");
  try {
    const statement = db.prepare("select char(97, 0, 98)");
    statement.setReturnArrays(true);
    return statement.get()?.[0] === "a\0b";
  } finally {
    db.close();
  }
}
