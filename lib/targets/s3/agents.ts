/** Agents that open the connections to an S3 server: kept alive, through a proxy, by a CA of the site. */
import { readFileSync } from "node:fs";
import { HttpProxyAgent, HttpsProxyAgent } from "hpagent";
import { HoldfastError } from "../../errors.ts";

const MOST_SOCKETS = 16;

/** Returns the agents for a request handler of the SDK. Throws `E_CONFIG` for a CA file that cannot be read. */
export function agents(proxy: string | undefined, caFile: string | undefined) {
  const ca = caFile === undefined ? {} : { ca: readCa(caFile) };
  const common = { keepAlive: true, maxSockets: MOST_SOCKETS };
  if (proxy === undefined) return { httpAgent: common, httpsAgent: { ...common, ...ca } };
  return {
    httpAgent: new HttpProxyAgent({ ...common, proxy }),
    httpsAgent: new HttpsProxyAgent({ ...common, ...ca, proxy }),
  };
}

function readCa(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new HoldfastError("E_CONFIG", `the CA file ${file} cannot be read`, { hint: "check ca_file", cause: error });
  }
}
