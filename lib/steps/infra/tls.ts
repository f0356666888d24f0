/**
 * `tls_files.txt`: which certificates and keys there are, so that one knows what to get again. Nothing of their content
 * but a certificate's own words.
 */
import { X509Certificate } from "node:crypto";
import { lstatSync, readFileSync, type Stats } from "node:fs";
import { fromString, toBuffer } from "../../archive/path.ts";
import { atTrusted } from "../../archive/tree/trusted-path.ts";
import { withFile } from "./files/sources.ts";

/** A certificate or a chain is far smaller; what is larger is only listed. */
const READ_AT_MOST = 1024 * 1024;

/**
 * Returns the lines for a file; a private key or an unreadable file is listed by name only. Throws for a missing file.
 */
export async function describeTlsFile(file: string): Promise<string> {
  const { data, facts } = read(file);
  if (data === undefined) return `${file}\n  not readable, or too large for a certificate\n`;
  const text = data.toString("latin1");
  const blocks = text.match(
    /-----BEGIN (?:TRUSTED |X509 )?CERTIFICATE-----[\s\S]*?-----END (?:TRUSTED |X509 )?CERTIFICATE-----/g,
  ) ?? [data];
  const certificates = blocks.flatMap((block) => parse(block));
  if (certificates.length === 0 && (text.includes("PRIVATE KEY") || /key/i.test(file)))
    return `${file}\n  private key\n`;
  const lines = certificates.map(
    ({ subject, issuer, validTo }) =>
      `  certificate: ${flat(subject)}\n    issuer: ${flat(issuer)}\n    not after: ${instant(validTo)}\n`,
  );
  return `${file}\n  size: ${facts.size}, modified: ${facts.mtime.toISOString()}\n${lines.join("")}`;
}

interface Seen {
  readonly facts: Stats;
  readonly data?: Buffer;
}

/** A key that only its owner may read is listed all the same. */
function read(file: string): Seen {
  return atTrusted(fromString(file), (at) => {
    const facts = lstatSync(toBuffer(at));
    if (!facts.isFile() || facts.size > READ_AT_MOST) return { facts };
    try {
      return withFile(file, (fd) => ({ facts, data: readFileSync(fd) }));
    } catch {
      return { facts };
    }
  });
}

function parse(block: string | Buffer): X509Certificate[] {
  try {
    return [new X509Certificate(block)];
  } catch {
    return [];
  }
}

/** A name of several lines in one. */
function flat(name: string | undefined): string {
  return (name ?? "-").replaceAll("\n", ", ");
}

function instant(date: string): string {
  const time = new Date(date);
  return Number.isNaN(time.getTime()) ? date : time.toISOString().replace(".000Z", "Z");
}
