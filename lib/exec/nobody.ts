/** The account for programs that work on what others wrote and need no rights: nobody's, where this process is root's. */

const NOBODY = 65_534;

export interface Account {
  /** Put before a program: it gets the account's rights, and ends with this process. */
  readonly as: readonly string[];
  /** As chown(1) takes it; null where the account is this process's own. */
  readonly owner: string | null;
}

export function unprivileged(): Account {
  if (process.getuid?.() !== 0) return { as: [], owner: null };
  // The signal of a dead parent is lost on a change of user: setpriv asks for it again after the change.
  const rights = [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", "--pdeathsig=KILL"];
  return { as: ["setpriv", ...rights, "--"], owner: `${NOBODY}:${NOBODY}` };
}
