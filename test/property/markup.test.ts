/** The scanner of pages finds what a tokenizer finds, on any input. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { decodeEntities } from "../../lib/steps/compiled/rewrite/entities.ts";
import { Hint } from "../../lib/steps/compiled/rewrite/hits.ts";
import { scanMarkup } from "../../lib/steps/compiled/rewrite/markup.ts";
import { urlTemplate } from "../../lib/steps/compiled/rewrite/url-template.ts";
import { decodeEntity, tokenize, type Found } from "../support/html-tokenizer.ts";

/** A word of the first is in every reference; the second has none, so that everything may hold one. */
const HINTS = ["/accounts/serve_audio_file/{path}", "/m/{path}"].map((url) => new Hint([urlTemplate(url, {})]));

function scan(source: string, xml: boolean, hint: Hint): Found[] {
  const found: Found[] = [];
  scanMarkup(source, xml, hint, {
    attribute: (name, from, to) => found.push({ kind: "attribute", name, from, to }),
    base: (from, to) => found.push({ kind: "base", from, to }),
    raw: (tag, pieces) => found.push({ kind: "raw", tag, pieces }),
    comment: (from, to) => found.push({ kind: "comment", from, to }),
  });
  return found;
}

/** What the scanner has to show of it. */
function expected(source: string, xml: boolean, hint: Hint): Found[] {
  const mayRefer = ({ from, to }: { from: number; to: number }): boolean =>
    from < to && hint.mayRefer(source.slice(from, to));
  const all = tokenize(source, xml);
  return all.filter((one) => one.kind === "base" || (one.kind === "raw" ? one.pieces.some(mayRefer) : mayRefer(one)));
}

const spaces = fc.constantFrom(" ", " ", "\n", "\t", "\f", "\r", "  ");
const names = fc.constantFrom(
  ..."p a IMG svg x-y base BASE svg:base script Script style STYLE svg:style x:script a:b:style title textarea iframe".split(
    " ",
  ),
  ..."noembed noframes xmp plaintext scripts styl basefont titles".split(" "),
);
const hits = fc.constantFrom(
  "/accounts/serve_audio_file/a.mp3",
  "accounts",
  "%61ccounts",
  "&#97;",
  "&#x61",
  "\\u0061",
  "\\61 ",
  "acc",
);
const entities = fc.constantFrom("&", "&amp;", "&amp", "&#39;", "&quot", "&notit;", "&NotEqualTilde;", "&#x0;", "&lt");
const delimiters = fc.constantFrom(
  ..."< > </ /> / = \" ' <! <!-- --> --!> -- - ! ? <? ?> ]]> ] [ [CDATA[ <![CDATA[ <![CDA <!doctype <!DOCTYPE : </script </style </svg:style>".split(
    " ",
  ),
);
const noise = fc.constantFrom("\0", "\v", "\xa0", "\xe9", "\x85", "x", "1", "href", "src", "é", "\x7f");
const text = fc.array(fc.oneof(hits, entities, noise, spaces, names), { maxLength: 4 }).map((parts) => parts.join(""));

const attribute = fc
  .tuple(
    spaces,
    fc.constantFrom("href", "src", "HREF", "data-x", "onclick", "style", "@click", "x:y", '"', "<", "="),
    fc.constantFrom("=", "=", "=", " = ", "=\n", ""),
    fc.constantFrom('"', '"', "'", ""),
    fc.oneof(text, delimiters),
    fc.boolean(),
  )
  .map(([space, name, equals, quote, value, closed]) => space + name + equals + quote + value + (closed ? quote : ""));
const tag = fc
  .tuple(names, fc.array(attribute, { maxLength: 3 }), fc.constantFrom(">", ">", ">", "/>", " >", "/ >", "", "/"))
  .map(([name, attributes, end]) => `<${name}${attributes.join("")}${end}`);
const closingTag = fc
  .tuple(fc.constantFrom("</", "</", "</ ", "<//", "</\n"), names, fc.constantFrom(">", ">", " >", " x='>'>", "/>", ""))
  .map((parts) => parts.join(""));
const declaration = fc
  .tuple(
    fc.constantFrom("<!--", "<!--", "<!-", "<![CDATA[", "<![CDATA[", "<!", "<?", "<!doctype"),
    fc.array(fc.oneof(hits, fc.constantFrom("-", "-", "!", ">", "]", "]]", "?", " ", "<")), { maxLength: 5 }),
    fc.constantFrom("-->", "--!>", "]]>", "?>", ">", "-", "--", ""),
  )
  .map(([begin, parts, end]) => begin + parts.join("") + end);
const document = fc
  .array(
    fc.oneof({ weight: 4, arbitrary: tag }, { weight: 2, arbitrary: closingTag }, declaration, text, delimiters, noise),
    { maxLength: 16 },
  )
  .map((parts) => parts.join(""));
/** Without the two control characters of the test below. */
const bytes = fc
  .array(
    fc.nat({ max: 255 }).filter((byte) => byte !== 0x0f && byte !== 0x1c),
    { maxLength: 60 },
  )
  .map((data) => Buffer.from(data).toString("latin1"));

test.each([
  ["HTML", false],
  ["XML", true],
])("the scanner finds in %s what a tokenizer finds", (_name, xml) => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: document }, bytes), fc.constantFrom(...HINTS), (source, hint) => {
      expect(scan(source, xml, hint)).toEqual(expected(source, xml, hint));
    }),
    { numRuns: 3000 },
  );
});

test.each([
  ["HTML", false],
  ["XML", true],
])("entities in %s are decoded as a tokenizer does", (_name, xml) => {
  const entity = fc
    .tuple(
      fc.constantFrom("&", "&#", "&#x", "&#X", "&#0"),
      fc.oneof(
        fc.constantFrom("amp", "AMP", "eacute", "notin", "not", "ne", "equals", "acE", "apos", "x"),
        fc.string({ unit: fc.constantFrom(..."0123456789abcdefAF"), maxLength: 6 }),
      ),
      fc.constantFrom("", ";", "=", ";=", "x", "27;", "d800;", "110000;", "80;"),
    )
    .map((parts) => parts.join(""));
  fc.assert(
    fc.property(entity, (source) => {
      const codePoints = decodeEntities(source, 0, source.length, xml).flatMap(({ codePoint }) => codePoint ?? []);
      expect(codePoints).toEqual(decodeEntity(source, xml));
    }),
    { numRuns: 2000 },
  );
});

test("control characters are no delimiters, and an unfinished tag is no text", () => {
  // Here the tokenizer is wrong: it takes \x1c and \x0f for < and /, and the last tag for text of the style.
  const [hint] = HINTS as [Hint];
  const script = "<script>\x1c\x0fscript>accounts";
  expect(scan(script, false, hint)).toMatchObject([{ kind: "raw", pieces: [{ from: 8, to: script.length }] }]);
  expect(scan("<svg:style>accounts</b accounts", false, hint)).toMatchObject([
    { kind: "raw", pieces: [{ from: 11, to: 19 }] },
  ]);
});

test("a tag with any number of attributes", () => {
  const source = `<p title="accounts"${" x".repeat(3_000_000)}>`;
  expect(scan(source, false, HINTS[0] as Hint)).toEqual([{ kind: "attribute", name: "title", from: 10, to: 18 }]);
});
