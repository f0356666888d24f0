/** Database URLs: taken apart, and rid of their password at once. */
import { HoldfastError } from "../../errors.ts";
import type { DatabaseTarget } from "../snapshot.ts";

const ENCODE = "write the characters / ? # @ : % of a password percent-encoded, or better: use password_file";

/**
 * Takes the password out of a URL, whether it stands before the `@` or in a `password=` parameter. Throws `E_CONFIG`,
 * without showing the URL, when it cannot be told where the password ends.
 */
export function splitPassword(url: string): { url: string; password?: string } {
  const [, scheme = "", authority = "", rest = ""] = /^([a-z][a-z0-9+.-]*:\/\/)([^/?#]*)(.*)$/is.exec(url) ?? [];
  if (scheme === "" || /^sqlite:/i.test(scheme)) return { url };
  const at = authority.lastIndexOf("@");
  const path = /^[^?#]*/.exec(rest)?.[0] ?? "";
  const oddPort = /:(?!\d*(?:,|$))/.test(authority.replace(/\[[^\]]*\]/g, ""));
  if (at < 0 && rest.includes("@") && (oddPort || (authority.includes(":") && path.includes("@")))) {
    throw new HoldfastError("E_CONFIG", "the password in a database URL contains / or ? or #", { hint: ENCODE });
  }
  const [user = "", ...secret] = at < 0 ? [] : authority.slice(0, at).split(":");
  const parameters = rest.slice(path.length).replace(/^\?/, "").split("&");
  if (parameters.some((parameter) => /^(sslpassword|passwd|pwd)=/i.test(parameter))) {
    throw new HoldfastError("E_CONFIG", "a database URL contains a secret that ps would show", {
      hint: "use password_file",
    });
  }
  const inQuery = parameters.find((parameter) => parameter.startsWith("password="));
  const kept = parameters.filter((parameter) => parameter !== "" && !parameter.startsWith("password=")).join("&");
  const password = decodePart(secret.join(":") || (inQuery?.slice("password=".length) ?? ""));
  const clean = `${scheme}${at < 0 ? "" : `${user}@`}${authority.slice(at + 1)}${path}${kept === "" ? "" : `?${kept}`}`;
  return password === "" ? { url: clean } : { url: clean, password };
}

/** A target whose URL has no password in it: one that is given by itself counts more than one of the URL. */
export function withPasswordApart(target: DatabaseTarget): DatabaseTarget {
  const { url, password } = splitPassword(target.url);
  const secret = target.password ?? password;
  return { ...target, url, ...(secret === undefined ? {} : { password: secret }) };
}

/**
 * The URL of another database of the same server. Sockets and other options stay; libpq takes `dbname=` before the
 * path.
 */
export function urlWithDatabase(url: string, database: string): string {
  const [, before = "", query = ""] = /^([^/]*\/\/[^/?#]*)(?:\/[^?#]*)?(.*)$/s.exec(url) ?? [];
  const rest = query.replace(/([?&])dbname=[^&#]*&?/g, "$1").replace(/[?&]$/, "");
  return `${before}/${encodeURIComponent(database)}${rest}`;
}

/** Decodes a percent-encoded part of a URL. */
export function decodePart(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // a bare % that was not meant as an escape
  }
}
