/** Reads the values and passwords of `.env` files. */
import path from "node:path";
import { splitPassword } from "../../../database/access/url.ts";
import type { FoundDatabase, FoundPassword } from "./application.ts";
import { sqliteUrl, type ServerEngine } from "./database-url.ts";
import { readText, relativeTo } from "./files.ts";
import { secretCommands } from "./secret-command.ts";

export class EnvFile {
  readonly file: string;
  readonly #values = new Map<string, string>();

  constructor(file: string) {
    this.file = file;
    for (const line of (readText(file) ?? "").split(/\r?\n/)) {
      const [, key, single, double, plain] =
        /^\s*(?:export\s+)?(\w+)\s*=\s*(?:'([^']*)'|"([^"]*)"|(.*?))(?:\s+#.*)?\s*$/.exec(line) ?? [];
      if (key !== undefined && !this.#values.has(key)) this.#values.set(key, single ?? double ?? plain ?? "");
    }
  }

  get(key: string): string | undefined {
    return this.#values.get(key);
  }

  /** Returns the password that is the value of a key. */
  password(key: string): FoundPassword | undefined {
    const value = this.get(key);
    if (value === undefined) return undefined;
    const before = `^[[:space:]]*[export]*[[:space:]]*${key}[[:space:]]*=[[:space:]]*`;
    return { value, file: this.file, commands: secretCommands({ file: this.file, form: "env", before }) };
  }

  /** Returns the database whose URL is the value of a key; undefined for an unknown engine. */
  database(root: string, key: string): FoundDatabase | undefined {
    const given = this.get(key);
    const [, scheme = "", rest = ""] = /^(\w+)(?:\+\w+)?(?=:)(.*)$/.exec(given ?? "") ?? [];
    if (/^sqlite3?$/.test(scheme)) {
      const file = /^:\/\/\/(.+)$/.exec(rest)?.[1];
      return file === undefined ? undefined : { url: sqliteUrl(relativeTo(root, path.resolve(root, file))) };
    }
    const engine = SCHEMES[scheme];
    if (engine === undefined) return undefined;
    const { url, password } = splitAs(`${engine}${rest}`);
    // Options of Django's URL readers differ from those of the clients.
    const plain = url.replace(/\?.*$/, "");
    if (password === undefined) return { url: plain };
    const before = `^[[:space:]]*[export]*[[:space:]]*${key}[[:space:]]*=[[:space:]]*['"]?[^:'"]*:..[^:@]*:`;
    const commands = secretCommands({ file: this.file, form: "url", before });
    return { url: plain, password: { value: password, file: this.file, commands } };
  }
}

/** The schemes that applications write for a server. */
const SCHEMES: Readonly<Record<string, ServerEngine>> = {
  postgres: "postgresql",
  postgresql: "postgresql",
  pgsql: "postgresql",
  postgis: "postgresql",
  mysql: "mysql",
  mysql2: "mysql",
  mariadb: "mysql",
};

function splitAs(url: string): { url: string; password?: string } {
  try {
    return splitPassword(url);
  } catch {
    // A raw / or ? in the password: the user and the host cannot be determined either.
    return { url: url.replace(/\/\/.*@/, "//") };
  }
}
