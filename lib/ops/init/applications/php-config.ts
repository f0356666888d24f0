/** The common parts of the configs of PHP applications. */
import type { FoundDatabase, FoundPassword } from "../sources/application.ts";
import { serverUrl, type Server } from "../sources/database-url.ts";
import { secretCommands } from "../sources/secret-command.ts";

/** The literal settings of a database; a setting that is not literal is reported to the operator. */
export interface PhpDatabase extends Omit<Server, "name"> {
  readonly file: string;
  readonly name: string | undefined;
  readonly password: string | undefined;
  /** True if the config sets a password at all. */
  readonly hasPassword: boolean;
  /** Matches a line up to the password's quotes, as sed's extended regular expression. */
  readonly before: string;
}

/** Returns the database of a PHP config, and a sentence for each setting that is not literal. */
export function phpDatabase(config: PhpDatabase): { databases: FoundDatabase[]; unknown: string[] } {
  const { file, name, password, hasPassword, before } = config;
  if (name === undefined) return { databases: [], unknown: [`the database: ${file} does not set its name literally`] };
  const url = serverUrl({ ...config, name });
  if (password === undefined)
    return {
      databases: [{ url }],
      unknown: hasPassword ? [`the database's password: ${file} does not set it literally`] : [],
    };
  if (password === "") return { databases: [{ url }], unknown: [] };
  const found: FoundPassword = { value: password, file, commands: secretCommands({ file, form: "php", before }) };
  return { databases: [{ url, password: found }], unknown: [] };
}
