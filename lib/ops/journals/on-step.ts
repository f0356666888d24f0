/** Notification of each single change that a restore or a reinit makes. */

/** A change of the disk, a database or the service that is about to be made. */
export interface Step {
  readonly action: "write" | "move" | "make" | "remove" | "database" | "command";
  /** The path, database or command; for `write` the new state of the journal. */
  readonly object: string;
}

/** Called before each change. An error it throws prevents the change, so that a test can stop the work at any point. */
export type OnStep = (step: Step) => void;

export const noSteps: OnStep = () => {};
