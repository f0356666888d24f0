/** Notification of each single change that a restore or a reinit makes. */

/** One change of the disk, of a database or of the service, about to be made. */
export interface Step {
  readonly action: "write" | "move" | "make" | "remove" | "database" | "command";
  /** The path, database or command; for `write` the new state of the journal. */
  readonly object: string;
}

/** Called before each change. An error it throws prevents that change: so a test can stop the work at any point. */
export type OnStep = (step: Step) => void;

export const noSteps: OnStep = () => {};
