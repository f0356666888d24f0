/** The account for programs that read untrusted files: `nobody` if this process runs as root. */

const NOBODY = 65_534;

export interface Account {
  /** Put before a program: it gets the account's rights, and ends with this process. */
  readonly as: readonly string[];
  /** The owner in the form of chown(1); null if the account is that of this process. */
  readonly owner: string | null;
}

export function unprivileged(): Account {
  if (process.getuid?.() !== 0) return { as: [], owner: null };
  // The signal of a dead parent is lost on a change of user: setpriv asks for it again after the change.
  const rights = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--pdeathsig=KILL"];
  return { as: ["setpriv", ...rights, "--"], owner: `${NOBODY}:${NOBODY}` };
}
