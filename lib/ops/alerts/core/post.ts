/** Posts to a service by HTTP. The address is a secret: no result shows any part of it. */
import { STATUS_CODES } from "node:http";
import { VERSION } from "../../../version.ts";
import { parseAddress } from "./address.ts";
import type { Delivery } from "./alert.ts";
import { reasonOf } from "./reason.ts";

export interface HttpMessage {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Posts a message. Redirects are not followed: they would take it, and its secrets, to another host. */
export async function post({ url, headers = {}, body }: HttpMessage, signal: AbortSignal): Promise<Delivery> {
  if (!/^https?:$/.test(parseAddress(url)?.protocol ?? ""))
    return { ok: false, answer: "the address is not an http or https URL" };
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: { "user-agent": `holdfast/${VERSION}`, ...headers },
      body,
      signal,
    });
    await response.body?.cancel();
    const { ok, status } = response;
    const answer = `${status} ${STATUS_CODES[status] ?? ""}`.trim();
    const isRedirect = status >= 300 && status < 400;
    return { ok, answer: isRedirect ? `${answer}: redirects are not followed; correct the address` : answer };
  } catch (error) {
    return { ok: false, answer: reasonOf(error) };
  }
}

/** Posts a JSON document. */
export const postJson = async (
  { url, headers }: Omit<HttpMessage, "body">,
  body: string,
  signal: AbortSignal,
): Promise<Delivery> => await post({ url, headers: { "content-type": "application/json", ...headers }, body }, signal);
