/** A static proof that an unpacked bundle opens without its site, without a line of the code under test. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Parser } from "htmlparser2";

export interface BundleScan {
  /** Pages and style sheets that were read. */
  readonly documents: number;
  /** Local references that lead to a file. */
  readonly present: number;
  /** Documents that still hold a configured URL where a browser would follow it. */
  readonly left: string[];
  /** Local references into the media directory that lead to nothing. */
  readonly dangling: string[];
}

export interface ScanOptions {
  /** The fixed beginnings of the configured URLs. */
  readonly urls: readonly string[];
  readonly reserved: { readonly multimedia: string; readonly original: string };
}

export function scanBundle(directory: string, { urls, reserved }: ScanOptions): BundleScan {
  const scan = { documents: 0, present: 0, left: [] as string[], dangling: [] as string[] };
  const media = new RegExp(`(?:^|[^\\w./%-])((?:\\.\\./|\\./)*${reserved.multimedia}/[\\w.~%-]+)`, "g");
  for (const file of listFiles(directory)) {
    const name = relative(directory, file);
    if (name.startsWith(`${reserved.original}/`) || !/\.(?:html?|xhtml|xht|svg|css)$/i.test(name)) continue;
    scan.documents++;
    for (const text of textsOf(file)) {
      const plain = text.replaceAll("\\/", "/");
      for (const url of urls) {
        if ([plain, percentDecoded(plain)].some((one) => one.includes(url)))
          scan.left.push(`${name}: ${text.slice(0, 200)}`);
      }
      for (const [, reference = ""] of plain.matchAll(media)) {
        if (existsSync(resolve(dirname(file), percentDecoded(reference)))) scan.present++;
        else scan.dangling.push(`${name}: ${reference}`);
      }
    }
  }
  return scan;
}

/** Every text of a document that a browser may take for a URL or look for one in: values of attributes, styles, scripts. */
function textsOf(file: string): string[] {
  const source = readFileSync(file, "utf8");
  if (/\.css$/i.test(file)) return [source];
  const texts: string[] = [];
  let raw = false;
  const parser = new Parser(
    {
      onopentag: (name, attributes) => {
        raw = /^(?:\w+:)?(?:style|script)$/.test(name);
        texts.push(...Object.values(attributes));
      },
      onclosetag: () => {
        raw = false;
      },
      ontext: (text) => {
        if (raw) texts.push(text);
      },
    },
    { xmlMode: /\.(?:xhtml|xht|svg)$/i.test(file), decodeEntities: true },
  );
  parser.end(source);
  return texts;
}

function listFiles(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) return listFiles(path);
    return entry.isFile() ? [path] : [];
  });
}

function percentDecoded(text: string): string {
  return text.replaceAll(/(?:%[0-9a-f]{2})+/gi, (run) => {
    try {
      return decodeURIComponent(run);
    } catch {
      return run;
    }
  });
}
