/** Names and texts in statements for MySQL and MariaDB. */

export function quoteMysql(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

/** A string literal in any sql_mode. */
export function text(value: string): string {
  return `convert(0x${Buffer.from(value).toString("hex")} using utf8mb4)`;
}
