/** A certificate for 127.0.0.1 that nobody trusts by itself. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";

export interface Certificate {
  readonly key: string;
  readonly cert: string;
  /** The file of the certificate, for NODE_EXTRA_CA_CERTS. */
  readonly file: string;
}

/** Makes one in a directory; `host` is what it is for. */
export function makeCertificate(directory: string, host = "IP:127.0.0.1"): Certificate {
  const [key, file] = [join(directory, "key.pem"), join(directory, "cert.pem")];
  const subject = ["-subj", "/CN=sink", "-addext", `subjectAltName=${host}`];
  execFileSync(
    "openssl",
    ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"].concat(
      ["-keyout", key, "-out", file],
      subject,
    ),
    { stdio: "ignore" },
  );
  return { key: readFileSync(key, "utf8"), cert: readFileSync(file, "utf8"), file };
}
