/** Finds out what a bucket allows this side, and what the server enforces, by trying each. */
import { createHash, randomUUID } from "node:crypto";
import type { Capabilities } from "../core/capabilities.ts";
import type { S3Api, S3Body, S3Lock } from "./api.ts";
import { isRefusal } from "./failure.ts";

/** So short that what is written stays for a moment only, and so long that the probe ends before. */
const LOCK_MS = 60_000;
/** Statuses by which servers refuse a content that is not what its digest says. */
const WRONG_CONTENT = [400, 403, 412, 422];

const bodyOf = (text: string): S3Body => {
  const bytes = Buffer.from(text);
  return { open: () => bytes, size: bytes.length, sha256: sha256Of(bytes) };
};
const sha256Of = (bytes: Buffer | string): string => createHash("sha256").update(bytes).digest("hex");

/** Tries everything below `<prefix>probe/<random>/`. Throws `S3Failure` if nothing can be written. */
export async function probeBucket(
  api: S3Api,
  prefix: string,
  mode: S3Lock["mode"] = "compliance",
): Promise<Capabilities> {
  return await new Probe(api, `${prefix}probe/${randomUUID()}/`, mode).run();
}

interface Written {
  readonly key: string;
  readonly version: string | undefined;
}

class Probe {
  readonly #api: S3Api;
  readonly #place: string;
  readonly #mode: S3Lock["mode"];
  readonly #written: Written[] = [];

  constructor(api: S3Api, place: string, mode: S3Lock["mode"]) {
    this.#api = api;
    this.#place = place;
    this.#mode = mode;
  }

  async run(): Promise<Capabilities> {
    const plain = await this.#put("plain", bodyOf("holdfast probe\n"));
    const isVersioned = plain.version !== undefined;
    const createsOnly = await this.#refuses(412, async () => {
      await this.#put("plain", bodyOf("holdfast probe, again\n"), { ifNoneMatch: true });
    });
    const can_read = await this.#allows(async () => (await this.#api.get(plain.key)).destroy());
    const { can_list, owner } = await this.#rights(plain);
    const signed_payload = await this.#refuses(WRONG_CONTENT, async () => {
      const { open, size } = bodyOf("something else\n");
      await this.#put("signed", { open, size, sha256: sha256Of("what was signed\n") });
    });
    const checksum_sha256 = await this.#checksChecksums();
    const multipart_list = await this.#listsParts();
    const can_delete = await this.#allows(async () => await this.#api.remove(plain.key, plain.version));
    const locks = await this.#locks(can_delete);
    if (can_delete) await this.#clean();
    return {
      signed_payload,
      if_none_match: isVersioned ? null : createsOnly,
      if_none_match_versioned: isVersioned ? createsOnly : null,
      checksum_sha256,
      multipart_list,
      ...locks,
      can_read,
      can_list,
      can_delete,
      owner,
    };
  }

  async #put(name: string, body: S3Body, options: Parameters<S3Api["put"]>[2] = {}): Promise<Written> {
    const key = this.#place + name;
    const { version } = await this.#api.put(key, body, options);
    const written = { key, version: version ?? undefined };
    this.#written.push(written);
    return written;
  }

  async #rights({ key }: Written): Promise<Pick<Capabilities, "can_list" | "owner">> {
    const can_list = await this.#allows(async () => {
      for await (const one of this.#api.list(this.#place)) if (one.key === key) return;
    });
    let owner: string | null = null;
    await this.#allows(async () => void (owner = (await this.#api.owner(key)) ?? null));
    return { can_list, owner };
  }

  /** A wrong checksum must be refused, a right one be returned. */
  async #checksChecksums(): Promise<boolean> {
    const body = bodyOf("holdfast checksum\n");
    const refused = await this.#refuses(WRONG_CONTENT, async () => {
      await this.#put("checksum", body, { declare: sha256Of("another content") });
    });
    if (!refused) return false;
    let returned: string | undefined;
    await this.#allows(async () => {
      const { key, version } = await this.#put("checksum", body, { declare: body.sha256 });
      returned = (await this.#api.head(key, version)).sha256;
    });
    return returned === body.sha256;
  }

  /** Begins an upload, sends a part and looks for it. */
  async #listsParts(): Promise<boolean> {
    const key = `${this.#place}parts`;
    let listed = false;
    await this.#allows(async () => {
      const upload = await this.#api.createUpload(key, { declares: false });
      const body = bodyOf("holdfast part\n");
      const etag = await this.#api.putPart(key, upload, 1, body, false);
      await this.#allows(async () => {
        const part = (await this.#api.parts(key, upload)).get(1);
        listed = part?.etag === etag && part.size === body.size;
      });
      await this.#allows(async () => await this.#api.abortUpload(key, upload));
    });
    return listed;
  }

  /** A locked object must not be deleted, and its lock not be shortened. */
  async #locks(canDelete: boolean): Promise<Pick<Capabilities, "object_lock" | "lock_extend">> {
    const lockFor = (ms: number): S3Lock => ({ mode: this.#mode, until: new Date(Date.now() + ms) });
    const body = bodyOf("holdfast lock\n");
    let locked: Written | undefined;
    const first = lockFor(LOCK_MS);
    await this.#allows(async () => {
      locked = await this.#put("locked", body, { declare: body.sha256, lock: first });
    });
    if (locked === undefined) return { object_lock: false, lock_extend: null };
    const { key, version } = locked;
    if (version === undefined || !(await this.#isLocked(locked))) return { object_lock: false, lock_extend: null };
    // Without the right to delete a refusal proves nothing: then what the server says of the lock has to do.
    const isKept = !canDelete || !(await this.#allows(async () => await this.#api.remove(key, version)));
    const lock_extend = await this.#allows(async () => await this.#api.setLock(key, version, lockFor(2 * LOCK_MS)));
    const isShortened = await this.#allows(async () => await this.#api.setLock(key, version, lockFor(LOCK_MS / 2)));
    return { object_lock: isKept && !isShortened, lock_extend };
  }

  async #isLocked({ key, version }: Written): Promise<boolean> {
    let until: Date | undefined;
    await this.#allows(async () => void (until = await this.#api.lockedUntil(key, version)));
    if (until === undefined)
      await this.#allows(async () => void (until = (await this.#api.head(key, version)).lockedUntil));
    return until !== undefined && until > new Date();
  }

  /** Removes what was written; the locked object stays until a later prune. */
  async #clean(): Promise<void> {
    for (const { key, version } of this.#written) await this.#allows(async () => await this.#api.remove(key, version));
  }

  /** Tries something; false if the server refuses it. */
  async #allows(attempt: () => Promise<unknown>): Promise<boolean> {
    try {
      await attempt();
      return true;
    } catch (error) {
      if (isRefusal(error, 400, 403, 404, 405, 409, 501)) return false;
      throw error;
    }
  }

  /** Tries something that must be refused with a status; false if it is allowed, or refused for another reason. */
  async #refuses(statuses: number | readonly number[], attempt: () => Promise<unknown>): Promise<boolean> {
    try {
      await attempt();
      return false;
    } catch (error) {
      if (isRefusal(error, ...[statuses].flat())) return true;
      if (isRefusal(error, 400, 403, 404, 405, 409, 501)) return false;
      throw error;
    }
  }
}
