/** A request that an S3 server refused, or that did not reach it. */
import { HoldfastError } from "../../errors.ts";

export class S3Failure extends Error {
  /** Undefined where there was no answer. */
  readonly status: number | undefined;
  /** As the server names it: `AccessDenied`. */
  readonly code: string;

  constructor(what: string, status: number | undefined, code: string, cause: unknown) {
    super(`${what}: ${code}${status === undefined ? "" : ` (${status})`}`, { cause });
    this.name = "S3Failure";
    this.status = status;
    this.code = code;
  }

  /** True if the same request may succeed later. */
  get isTransient(): boolean {
    return this.status === undefined || this.status === 429 || this.status >= 500;
  }
}

/** Checks whether an error is a refusal with one of these statuses. */
export const isRefusal = (error: unknown, ...statuses: readonly number[]): error is S3Failure =>
  error instanceof S3Failure && error.status !== undefined && statuses.includes(error.status);

/** Runs `work`; throws a failure of it as `E_REMOTE`, a digest that the server found wrong as `E_VERIFY`. */
export async function remotely<T>(address: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof S3Failure)) throw error;
    throw new HoldfastError(isWrongDigest(error) ? "E_VERIFY" : "E_REMOTE", `${address}: ${error.message}`, {
      cause: error,
      ...hintOf(error),
    });
  }
}

export const isWrongDigest = ({ code }: S3Failure): boolean =>
  ["XAmzContentSHA256Mismatch", "BadDigest", "XAmzContentChecksumMismatch"].includes(code);

function hintOf({ status, code }: S3Failure): { hint?: string } {
  if (isWrongDigestCode(code)) return { hint: "verify the run: npx tsx scripts/verify.ts" };
  if (status === 403) return { hint: "check the credentials and the rights that the bucket's policy gives them" };
  if (status === 404) return { hint: "check the bucket's name, the endpoint and path_style" };
  if (status === undefined) return { hint: "check the endpoint, the network and the server's certificate" };
  return {};
}

const isWrongDigestCode = (code: string): boolean => /Mismatch$|^BadDigest$/.test(code);
