/** The commands by which MariaDB's own client loads a dump. */
import { shellQuote } from "../../report/shell.ts";

/** Returns the commands for the compressed dump in `file`, a word of the shell. */
export const mysqlCommands = (database: string, file: string): string[] => [
  `mariadb -e ${shellQuote(`create database \`${database.replaceAll("`", "``")}\``)}`,
  `gunzip -c ${file} | mariadb ${shellQuote(database)}`,
];
