/** Accounts that own triggers, views or routines of a database, and that a server lacks. */
import { HoldfastError } from "../../errors.ts";
import type { Account } from "../../portable/engine/interface.ts";

export const showDefiners = (definers: readonly Account[]): string =>
  definers.map(({ user, host }) => `${user}@${host}`).join(", ");

/** Throws `E_TARGET` with the accounts that the server of `--database` lacks. */
export function assertNoMissingDefiners(definers: readonly Account[]): void {
  if (definers.length === 0) return;
  const accounts = showDefiners(definers);
  throw new HoldfastError(
    "E_TARGET",
    `the server of --database lacks ${accounts}, to which triggers, views or routines of the copy belong`,
    { hint: "omit --database for a private server that has these accounts, or create them on that server" },
  );
}
