/** The statements that dumps consist of. */

const NAME = "(?:`(?:[^`]|``)+`|[\\w$\\x80-\\xff]+)(?![\\w$`\\x80-\\xff]| ?\\.)";
const OBJECT = "(?:VIEW|TRIGGER|EVENT|FUNCTION|PROCEDURE|SEQUENCE|PACKAGE(?: BODY)?)";
/** Patterns of `squeeze`d statements, without DEFINER and without the name of the database. */
export const ALLOWED = [
  "SET (?!.*\\b(?:GLOBAL|PERSIST|PERSIST_ONLY|PASSWORD|ROLE|STATEMENT|RESOURCE)\\b)[^;]*",
  `DROP (?:TEMPORARY )?(?:TABLE|${OBJECT}) (?:IF EXISTS )?${NAME}`,
  `CREATE (?:OR REPLACE )?(?:TEMPORARY )?TABLE (?:IF NOT EXISTS )?${NAME}[^;]*`,
  `CREATE (?:OR REPLACE )?(?:ALGORITHM ?= ?\\w+ )?(?:SQL SECURITY \\w+ )?(?:VIEW|SEQUENCE) (?:IF NOT EXISTS )?${NAME}[^;]*`,
  `CREATE (?:OR REPLACE )?(?:AGGREGATE )?${OBJECT} (?:IF NOT EXISTS )?${NAME}.*`,
  `ALTER TABLE ${NAME}(?!.*\\bRENAME\\b)[^;]*`,
  `ALTER DATABASE ${NAME} (?:DEFAULT )?(?:CHARACTER SET|COLLATE)[^;]*`,
  `LOCK TABLES? ${NAME} (?:READ|WRITE)[^.;]*`,
  "UNLOCK TABLES?",
  `(?:DO|SELECT) SETVAL ?\\( ?${NAME} ?,[\\d ,-]*\\)`,
  "START TRANSACTION[^;]*|COMMIT|BEGIN",
].map((pattern) => new RegExp(`^(?:${pattern}) ?$`, "is"));
/** The beginning of a statement that holds rows. */
export const ROWS = new RegExp(`^(?:INSERT|REPLACE) (?:IGNORE )?(?:INTO )?${NAME} ?(?:\\([^;]*?\\) ?)?VALUES?`, "i");
/** The clause, with the account or role. */
export const DEFINER =
  /DEFINER ?= ?((?:`(?:[^`]|``)*`|[\w$]+) ?@ ?(?:`(?:[^`]|``)*`|[\w$.%]+)|CURRENT_USER(?: ?\( ?\))?|`(?:[^`]|``)*`|\w+)/i;

/** Puts a statement on one line, without the frames of version comments. */
export function squeeze(code: string): string {
  return code
    .replace(/\/\*M?!\d*|\*\//g, " ")
    .replace(/\s+/g, " ")
    .trim();
}

/** Takes the semicolons out of names. */
export function tame(code: string): string {
  return code.replace(/`(?:[^`]|``)*`/g, (name) => name.replaceAll(";", "_"));
}

/** Returns an account as `user@host`. */
export function unquote(definer: string): string {
  return definer.replace(/`((?:[^`]|``)*)`/g, (_all, name: string) => name.replaceAll("``", "`")).replace(/ ?@ ?/, "@");
}

/** Returns a text as one character a byte. */
export function latin1(text: string): string {
  return Buffer.from(text).toString("latin1");
}
