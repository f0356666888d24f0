/**
 * Remembers on this host which alerts a site has sent, and what is failing: `alerts/<site>.json` of the state directory.
 */
import { readFile } from "node:fs/promises";
import path from "node:path";
import * as z from "zod";
import { systemCode } from "../../errors.ts";
import { FORMAT_VERSION } from "../../model/unit.ts";
import { writeFileAtomic } from "../../store/files/atomic.ts";
import { formatJson } from "../../store/files/json-documents.ts";
import { stateDirectory } from "../../store/known-stores.ts";
import { whileLocked } from "../../store/lock/while-locked.ts";

/** What can be failing, and works again. `backup` is the runs, `missed` their absence. */
export const SUBJECTS = ["backup", "missed", "verify", "drill", "proof", "push"] as const;
export type Subject = (typeof SUBJECTS)[number];

const sentSchema = z.object({
  route: z.string(),
  event: z.string(),
  cause: z.string(),
  subject: z.enum(SUBJECTS).nullable(),
  at: z.string(),
  /** False while a process sends it. */
  delivered: z.boolean(),
});
type Sent = z.infer<typeof sentSchema>;

const memorySchema = z.object({
  format_version: z.string(),
  sent: z.array(sentSchema),
  /** Since when each subject fails. */
  failing: z.partialRecord(z.enum(SUBJECTS), z.string()),
});
type Memory = Pick<z.infer<typeof memorySchema>, "sent" | "failing">;

/** An alert for one route. */
export type SentKey = Pick<Sent, "route" | "event" | "cause" | "subject">;

const DAY_MS = 24 * 60 * 60 * 1000;
/** The age at which an alert that was never delivered was sent by a process that is dead. */
const SENDING_MS = 60_000;

/** The memory of a site. Each method is one step that no other process can interrupt. */
export interface AlertMemory {
  /**
   * Records that the subjects fail. Returns the alerts that were not sent within a day, and marks them as being sent.
   */
  claim(keys: readonly SentKey[], failing: readonly Subject[]): Promise<SentKey[]>;
  /** Records what was delivered; the others are sent the next time. */
  conclude(claimed: readonly SentKey[], delivered: readonly SentKey[]): Promise<void>;
  /** Records that subjects work, forgets their alerts, and returns since when each of them had failed. */
  settle(subjects: readonly Subject[]): Promise<{ subject: Subject; since: string }[]>;
}

/** Opens the memory of a site. A damaged one counts as empty: an alert twice is better than none. */
export function openMemory(site: string): AlertMemory {
  const file = path.join(stateDirectory(), "alerts", `${site}.json`);
  const update = async <T>(change: (memory: Memory, now: Date) => T): Promise<T> =>
    await whileLocked(file, async () => {
      const memory = await read(file);
      const before = JSON.stringify(memory);
      const now = new Date();
      memory.sent = memory.sent.filter((one) => isRecent(one, now));
      const result = change(memory, now);
      if (JSON.stringify(memory) !== before)
        await writeFileAtomic(file, formatJson({ format_version: FORMAT_VERSION, ...memory }), { mode: 0o600 });
      return result;
    });
  return {
    claim: async (keys, failing) =>
      await update((memory, now) => {
        const at = now.toISOString();
        for (const subject of failing) memory.failing[subject] ??= at;
        const fresh = keys.filter((key) => !memory.sent.some((sent) => isSame(sent, key)));
        for (const { route, event, cause, subject } of fresh)
          memory.sent.push({ route, event, cause, subject, at, delivered: false });
        return fresh;
      }),
    conclude: async (claimed, delivered) =>
      await update((memory) => {
        memory.sent = memory.sent.filter(
          (sent) => delivered.some((key) => isSame(sent, key)) || !claimed.some((key) => isSame(sent, key)),
        );
        for (const sent of memory.sent) if (delivered.some((key) => isSame(sent, key))) sent.delivered = true;
      }),
    settle: async (subjects) =>
      await update((memory) => {
        const settled = subjects.flatMap((subject) => {
          const since = memory.failing[subject];
          return since === undefined ? [] : [{ subject, since }];
        });
        for (const subject of subjects) delete memory.failing[subject];
        memory.sent = memory.sent.filter(({ subject }) => subject === null || !subjects.includes(subject));
        return settled;
      }),
  };
}

/** Checks whether two keys are of the same alert for the same route. */
export const isSame = (a: SentKey, b: SentKey): boolean =>
  a.route === b.route && a.event === b.event && a.cause === b.cause;

/** Checks whether an alert keeps the same one from being sent; one of the future is of a clock that was wrong. */
function isRecent({ at, delivered }: Sent, now: Date): boolean {
  const age = now.getTime() - Date.parse(at);
  return age >= 0 && age < (delivered ? DAY_MS : SENDING_MS);
}

async function read(file: string): Promise<Memory> {
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(systemCode(error) ?? "")) return { sent: [], failing: {} };
    throw error;
  }
  try {
    const { sent, failing } = memorySchema.parse(JSON.parse(text));
    return { sent, failing };
  } catch {
    return { sent: [], failing: {} };
  }
}
