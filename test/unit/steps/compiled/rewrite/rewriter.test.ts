import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Rewriter, type DocumentKind } from "../../../../../lib/steps/compiled/rewrite/rewriter.ts";
import { urlTemplate } from "../../../../../lib/steps/compiled/rewrite/url-template.ts";

const AUDIO = "/accounts/serve_audio_file/";
const project = { id: 7, internal_id: "Le petit prince" };
const templates = [
  "/accounts/serve_audio_file/{path}",
  "/accounts/projects/serve_project_image/{project}/{path}",
  "https://media.example.org:8080/m/{path}",
  "/own/{internal_id}/{path}",
  "/download?file={path}",
  "/fixed/logo.png",
].map((url) => urlTemplate(url, project));
const rewriter = new Rewriter(templates);

/** The document (UTF-8) rewritten, each reference becoming `multimedia/<captured values joined by +>`. */
function rewrite(source: string, kind: DocumentKind = "html", path = "page.html") {
  const wanted: string[] = [];
  const { text, unresolved, baseReplaced } = rewriter.rewrite(latin1(source), kind, path, ({ values, url }) => {
    wanted.push(utf8(url));
    return { path: `multimedia/${Object.values(values).join("+") || "fixed"}`, keepQuery: false };
  });
  return { text: text === null ? source : utf8(text), unresolved: unresolved.map(utf8), wanted, baseReplaced };
}

const latin1 = (text: string): string => Buffer.from(text, "utf8").toString("latin1");
const utf8 = (text: string): string => Buffer.from(text, "latin1").toString("utf8");

const html: readonly (readonly [what: string, source: string, expected: string])[] = [
  ["a double-quoted src", `<img src="${AUDIO}a.mp3">`, `<img src="multimedia/a.mp3">`],
  ["a single-quoted src", `<img src='${AUDIO}a.mp3'>`, `<img src='multimedia/a.mp3'>`],
  ["an unquoted src", `<img src=${AUDIO}a.mp3 alt=x>`, `<img src=multimedia/a.mp3 alt=x>`],
  ["an unquoted src at the end of the tag", `<img src=${AUDIO}a.mp3>`, `<img src=multimedia/a.mp3>`],
  ["upper-case tags and attributes", `<IMG SRC="${AUDIO}A.MP3">`, `<IMG SRC="multimedia/A.MP3">`],
  ["space around the equals sign", `<img src = "${AUDIO}a.mp3" >`, `<img src = "multimedia/a.mp3" >`],
  ["sub-directories", `<audio src="${AUDIO}google/en/v/a.mp3">`, `<audio src="multimedia/google/en/v/a.mp3">`],
  ["spaces in the name", `<img src="${AUDIO}a b  c.mp3">`, `<img src="multimedia/a%20b%20%20c.mp3">`],
  ["spaces around the URL", `<img src=" ${AUDIO}a.mp3\n">`, `<img src=" multimedia/a.mp3\n">`],
  ["a percent-encoded name", `<img src="${AUDIO}a%20b%23%3F%25.mp3">`, `<img src="multimedia/a%20b%23%3F%25.mp3">`],
  ["a percent-encoded prefix", `<img src="/accounts/serve%5Faudio_file/a.mp3">`, `<img src="multimedia/a.mp3">`],
  [
    "a fully percent-encoded word",
    `<img src="/accounts/%73%65%72%76%65_audio_file/a.mp3">`,
    `<img src="multimedia/a.mp3">`,
  ],
  [
    "letters beyond ASCII",
    `<img src="${AUDIO}été/日本.mp3">`,
    `<img src="multimedia/%C3%A9t%C3%A9/%E6%97%A5%E6%9C%AC.mp3">`,
  ],
  ["percent signs that encode nothing", `<img src="${AUDIO}100%.mp3">`, `<img src="multimedia/100%25.mp3">`],
  [
    "quotes and brackets in the name",
    `<a href="${AUDIO}l'eau (1).mp3">`,
    `<a href="multimedia/l%27eau%20%281%29.mp3">`,
  ],
  ["a URL over two lines", `<img src="${AUDIO}en/\n\ta.mp3">`, `<img src="multimedia/en/a.mp3">`],
  [
    "an entity before an equals sign",
    `<img src="${AUDIO}a&#39;=b&amp=c.mp3">`,
    `<img src="multimedia/a%27%3Db%26amp%3Dc.mp3">`,
  ],
  ["named entities", `<img src="${AUDIO}a&amp;b&eacute;.mp3">`, `<img src="multimedia/a%26b%C3%A9.mp3">`],
  ["numeric entities", `<img src="${AUDIO}l&#39;eau&#x20;&#233;.mp3">`, `<img src="multimedia/l%27eau%20%C3%A9.mp3">`],
  [
    "entities in the prefix",
    `<img src="&#47;accounts&sol;serve&#95;audio_file/a.mp3">`,
    `<img src="multimedia/a.mp3">`,
  ],
  [
    "a word made of entities",
    `<img src="/accounts/&#115;&#101;&#x72;ve_audio_file/a.mp3">`,
    `<img src="multimedia/a.mp3">`,
  ],
  ["a query", `<img src="${AUDIO}a.mp3?v=2&amp;w=3" alt="x">`, `<img src="multimedia/a.mp3" alt="x">`],
  ["a fragment", `<video src="${AUDIO}a.mp4#t=10,20">`, `<video src="multimedia/a.mp4#t=10,20">`],
  ["a query and a fragment", `<video src="${AUDIO}a.mp4?v=1#t=10">`, `<video src="multimedia/a.mp4#t=10">`],
  ["poster", `<video poster="${AUDIO}p.jpg">`, `<video poster="multimedia/p.jpg">`],
  ["href", `<a href="${AUDIO}a.mp3">x</a>`, `<a href="multimedia/a.mp3">x</a>`],
  ["xlink:href", `<svg><image xlink:href="${AUDIO}i.png"/></svg>`, `<svg><image xlink:href="multimedia/i.png"/></svg>`],
  ["object data", `<object data="${AUDIO}a.pdf">`, `<object data="multimedia/a.pdf">`],
  ["data attributes", `<i data-segment-audio="${AUDIO}a.mp3">`, `<i data-segment-audio="multimedia/a.mp3">`],
  [
    "JSON in a data attribute",
    `<i data-x='{"a":"\\/accounts\\/serve_audio_file\\/x y.mp3","b":1}'>`,
    `<i data-x='{"a":"multimedia/x%20y.mp3","b":1}'>`,
  ],
  [
    "JSON with entities for quotes",
    `<i data-x="[&quot;${AUDIO}a.mp3&quot;,&quot;${AUDIO}b.mp3&quot;]">`,
    `<i data-x="[&quot;multimedia/a.mp3&quot;,&quot;multimedia/b.mp3&quot;]">`,
  ],
  [
    "a list in a data attribute",
    `<i data-x="${AUDIO}a 1.mp3, ${AUDIO}b 2.mp3">`,
    `<i data-x="multimedia/a%201.mp3, multimedia/b%202.mp3">`,
  ],
  [
    "srcset",
    `<img srcset="${AUDIO}a.png 1x, ${AUDIO}b.png 2x">`,
    `<img srcset="multimedia/a.png 1x, multimedia/b.png 2x">`,
  ],
  [
    "srcset with widths over lines",
    `<img srcset="\n  ${AUDIO}a.png 480w,\n  other.png 800w,\n  ${AUDIO}b.png">`,
    `<img srcset="\n  multimedia/a.png 480w,\n  other.png 800w,\n  multimedia/b.png">`,
  ],
  [
    "srcset with commas in a name",
    `<img srcset="${AUDIO}a,b.png 1x,${AUDIO}c.png 2x">`,
    `<img srcset="multimedia/a%2Cb.png 1x,multimedia/c.png 2x">`,
  ],
  ["imagesrcset", `<link imagesrcset="${AUDIO}a.png 1x">`, `<link imagesrcset="multimedia/a.png 1x">`],
  [
    "a style attribute",
    `<p style="background: url(${AUDIO}a.png) no-repeat">`,
    `<p style="background: url(multimedia/a.png) no-repeat">`,
  ],
  [
    "a style attribute with entities",
    `<p style="background:url(&quot;${AUDIO}a.png&quot;)">`,
    `<p style="background:url(&quot;multimedia/a.png&quot;)">`,
  ],
  [
    "an event handler",
    `<a onclick="play('${AUDIO}l\\'eau.mp3', 1)">`,
    `<a onclick="play('multimedia/l%27eau.mp3', 1)">`,
  ],
  [
    "an event handler with entities",
    `<a onclick="play(&#39;${AUDIO}a.mp3&#39;)">`,
    `<a onclick="play(&#39;multimedia/a.mp3&#39;)">`,
  ],
  [
    "entities side by side",
    `<a onclick="play(&#39;&#47;accounts/serve_audio_file/a.mp3&#39;&#41;">`,
    `<a onclick="play(&#39;multimedia/a.mp3&#39;&#41;">`,
  ],
  [
    "a javascript: URL",
    `<a href="javascript:play('${AUDIO}a.mp3')">`,
    `<a href="javascript:play('multimedia/a.mp3')">`,
  ],
  ["srcdoc", `<iframe srcdoc="<img src='${AUDIO}a.png'>">`, `<iframe srcdoc="<img src='multimedia/a.png'>">`],
  [
    "meta refresh",
    `<meta http-equiv=refresh content="0; url=${AUDIO}a.html">`,
    `<meta http-equiv=refresh content="0; url=multimedia/a.html">`,
  ],
  [
    "a style element",
    `<style>p{background:url('${AUDIO}a b.png')}</style>`,
    `<style>p{background:url('multimedia/a%20b.png')}</style>`,
  ],
  [
    "a script string",
    `<script>new Audio("${AUDIO}a b.mp3").play()</script>`,
    `<script>new Audio("multimedia/a%20b.mp3").play()</script>`,
  ],
  [
    "a script string with escaped slashes",
    `<script>x="\\/accounts\\/serve_audio_file\\/a.mp3"</script>`,
    `<script>x="multimedia/a.mp3"</script>`,
  ],
  [
    "a script string with \\u escapes",
    `<script>x="\\u002Faccounts\\u002fserve\\u005Faudio\\x5ffile/\\u00e9\\ud83d\\ude00.mp3"</script>`,
    `<script>x="multimedia/%C3%A9%F0%9F%98%80.mp3"</script>`,
  ],
  [
    "JSON in a script string",
    `<script>x='{"a":"\\\\/accounts\\\\/serve_audio_file\\\\/a.mp3"}'</script>`,
    `<script>x='{"a":"multimedia/a.mp3"}'</script>`,
  ],
  [
    "markup in a script string",
    `<script>x="<img src=\\"${AUDIO}a b.png\\" alt=\\"\\">"</script>`,
    `<script>x="<img src=\\"multimedia/a%20b.png\\" alt=\\"\\">"</script>`,
  ],
  [
    "unquoted markup in a script string",
    `<script>x='<img src=${AUDIO}a.png>'</script>`,
    `<script>x='<img src=multimedia/a.png>'</script>`,
  ],
  [
    "CSS in a script string",
    `<script>s.background='url(${AUDIO}a.png)'</script>`,
    `<script>s.background='url(multimedia/a.png)'</script>`,
  ],
  [
    "srcset in a script string",
    `<script>i.srcset='${AUDIO}a.png 1x, ${AUDIO}b.png 2x'</script>`,
    `<script>i.srcset='multimedia/a.png 1x, multimedia/b.png 2x'</script>`,
  ],
  [
    "a template literal without placeholders",
    "<script>x=`" + AUDIO + "a.mp3`</script>",
    "<script>x=`multimedia/a.mp3`</script>",
  ],
  [
    "a JSON script",
    `<script type="application/json">{"u":"${AUDIO}a.mp3"}</script>`,
    `<script type="application/json">{"u":"multimedia/a.mp3"}</script>`,
  ],
  ["a string before a line end", `<script>x="${AUDIO}a.mp3\\n"</script>`, `<script>x="multimedia/a.mp3\\n"</script>`],
  ["a comment", `<!-- <img src="${AUDIO}a.png"> -->`, `<!-- <img src="multimedia/a.png"> -->`],
  [
    "noscript and template",
    `<noscript><img src="${AUDIO}a.png"></noscript><template><img src="${AUDIO}b.png"></template>`,
    `<noscript><img src="multimedia/a.png"></noscript><template><img src="multimedia/b.png"></template>`,
  ],
  [
    "a script that holds tags",
    `<script>if (a<b && "</p>") x='${AUDIO}a.mp3'</script><p title="${AUDIO}b.mp3">`,
    `<script>if (a<b && "</p>") x='multimedia/a.mp3'</script><p title="multimedia/b.mp3">`,
  ],
  [
    "a captured segment",
    `<img src="/accounts/projects/serve_project_image/Prince_7/page 1.png">`,
    `<img src="multimedia/Prince_7%2Bpage%201.png">`,
  ],
  [
    "a full URL of a configured host",
    `<img src="https://media.example.org:8080/m/a.png">`,
    `<img src="multimedia/a.png">`,
  ],
  ["another scheme, another case", `<img src="HTTP://Media.Example.ORG:8080/m/a.png">`, `<img src="multimedia/a.png">`],
  ["a protocol-relative URL", `<img src="//media.example.org:8080/m/a.png">`, `<img src="multimedia/a.png">`],
  ["a bare path of a configured host", `<img src="/m/a.png">`, `<img src="multimedia/a.png">`],
  ["a field of the project", `<img src="/own/Le%20petit prince/a.png">`, `<img src="multimedia/a.png">`],
  ["a path in a query", `<img src="/download?file=a/b.png&amp;x=1" alt>`, `<img src="multimedia/a/b.png" alt>`],
  ["a URL without a placeholder", `<img src="/fixed/logo.png?1">`, `<img src="multimedia/fixed">`],
  [
    "several in one tag",
    `<audio data-a="${AUDIO}a.mp3" src='${AUDIO}b.mp3' data-c=${AUDIO}c.mp3></audio>`,
    `<audio data-a="multimedia/a.mp3" src='multimedia/b.mp3' data-c=multimedia/c.mp3></audio>`,
  ],
];

const css: readonly (readonly [what: string, source: string, expected: string])[] = [
  ["url() without quotes", `a{background:url(${AUDIO}a.png)}`, `a{background:url(multimedia/a.png)}`],
  ["url() with spaces inside", `a{background:url( ${AUDIO}a.png )}`, `a{background:url( multimedia/a.png )}`],
  [
    "url() with double quotes",
    `a{background:url("${AUDIO}a (1).png")}`,
    `a{background:url("multimedia/a%20%281%29.png")}`,
  ],
  ["url() with single quotes", `a{background:URL('${AUDIO}a.png')}`, `a{background:URL('multimedia/a.png')}`],
  ["CSS escapes", `a{background:url(${AUDIO}a\\ b\\)\\63 .png)}`, `a{background:url(multimedia/a%20b%29c.png)}`],
  [
    "an escaped prefix",
    `a{background:url(\\2f accounts/serve_audio_file/a.png)}`,
    `a{background:url(multimedia/a.png)}`,
  ],
  ["@import with a string", `@import "${AUDIO}a.css" screen;`, `@import "multimedia/a.css" screen;`],
  ["@import with url()", `@import url(${AUDIO}a.css);`, `@import url(multimedia/a.css);`],
  [
    "several sources",
    `src:url(${AUDIO}a.woff) format("woff"),url(${AUDIO}b.ttf)`,
    `src:url(multimedia/a.woff) format("woff"),url(multimedia/b.ttf)`,
  ],
  [
    "image-set()",
    `background:image-set("${AUDIO}a.png" 1x, "${AUDIO}b.png" 2x)`,
    `background:image-set("multimedia/a.png" 1x, "multimedia/b.png" 2x)`,
  ],
  ["a fragment", `fill:url(${AUDIO}a.svg#x)`, `fill:url(multimedia/a.svg#x)`],
];

const untouched: readonly (readonly [what: string, source: string])[] = [
  ["another host's path", `<img src="https://other.example.org${AUDIO}a.mp3">`],
  ["a relative URL that would resolve to it", `<img src="../accounts/serve_audio_file/a.mp3">`],
  ["a path that only begins alike", `<img src="/accounts/serve_audio_files/a.mp3">`],
  ["a longer path", `<img src="/x/accounts/serve_audio_file/a.mp3">`],
  ["another case", `<img src="/Accounts/serve_audio_file/a.mp3">`],
  ["another port", `<img src="https://media.example.org/m/a.png">`],
  ["another project", `<img src="/own/Other/a.png">`],
  ["text that readers see", `<p>The audio is at ${AUDIO}a.mp3</p>`],
  ["a title", `<title>${AUDIO}a.mp3</title>`],
  ["a textarea", `<textarea>${AUDIO}a.mp3</textarea>`],
  ["a longer fixed URL", `<img src="/fixed/logo.png2">`],
  ["a path without the captured segment", `<img src="/accounts/projects/serve_project_image/a.png">`],
];

describe("references in HTML", () => {
  test.each(html)("%s", (_what, source, expected) => {
    const document = `<!DOCTYPE html>\r\n<p>é ${source} <b>&amp;</b>\n`;
    expect(rewrite(document).text).toBe(`<!DOCTYPE html>\r\n<p>é ${expected} <b>&amp;</b>\n`);
  });

  test("links rewritten in page*.html only: every page of whatever name and depth points to the bundle's own media", () => {
    const source = `<img src="${AUDIO}a.mp3">`;
    expect(rewrite(source, "html", "concordance_a.html").text).toBe(`<img src="multimedia/a.mp3">`);
    expect(rewrite(source, "html", "normal/content/x y.html").text).toBe(`<img src="../../multimedia/a.mp3">`);
    expect(rewrite(source, "html", "multimedia/x.html").text).toBe(`<img src="a.mp3">`);
  });
});

describe("references in CSS", () => {
  test.each(css)("%s", (_what, source, expected) => {
    expect(rewrite(source, "css").text).toBe(expected);
    expect(rewrite(`<style>${source}</style>`).text).toBe(`<style>${expected}</style>`);
  });
});

describe("references in XHTML and SVG", () => {
  test.each([
    [`<svg><image href="${AUDIO}a&amp;b.png"/></svg>`, `<svg><image href="multimedia/a%26b.png"/></svg>`],
    [`<style>a{b:url(&quot;${AUDIO}a.png&quot;)}</style>`, `<style>a{b:url(&quot;multimedia/a.png&quot;)}</style>`],
    [
      `<svg:style><![CDATA[a{b:url(${AUDIO}a&amp.png)}]]></svg:style>`,
      `<svg:style><![CDATA[a{b:url(multimedia/a%26amp.png)}]]></svg:style>`,
    ],
    [`<script/><p title="${AUDIO}a.png"/>`, `<script/><p title="multimedia/a.png"/>`],
  ])("%s", (source, expected) => {
    expect(rewrite(source, "xml").text).toBe(expected);
  });
});

describe("what is not a reference", () => {
  test.each(untouched)("%s", (_what, source) => {
    expect(rewrite(source)).toMatchObject({ text: source, wanted: [] });
  });

  test("URLs that a script puts together are left and told", () => {
    const sources = [
      `<script>x="${AUDIO}" + name</script>`,
      `<script>x="${AUDIO}en/" + name + ".mp3"</script>`,
      `<script>x="${AUDIO}en/word_"+ n</script>`,
      "<script>x=`" + AUDIO + "${name}.mp3`</script>",
      "<script>x=`${host}" + AUDIO + "a.mp3`</script>",
      `<a href="${AUDIO}{{ name }}.mp3">`,
      `<a href="${AUDIO}">`,
      `<a href="${AUDIO}en/">`,
    ];
    for (const source of sources) {
      const { text, wanted, unresolved } = rewrite(source);
      expect({ source, text, wanted }).toEqual({ source, text: source, wanted: [] });
      expect(unresolved).toHaveLength(1);
    }
  });
});

test("documents without a plain word of the URL are searched where one may be escaped", () => {
  const only = new Rewriter([urlTemplate(`${AUDIO}{path}`, {})]);
  const sources = [
    `<img src="/%61ccounts/serve_audio_file/a.mp3">`,
    `<img src="/&#97;ccounts/serve_audio_file/a.mp3">`,
    `<img src="/&#x0061;ccounts/serve_audio_file/a.mp3">`,
    `<script>x="/\\u0061ccounts/serve_audio_file/a.mp3"</script>`,
    `<script>x="/\\x61ccounts/serve_audio_file/a.mp3"</script>`,
    `<style>a{b:url(/\\61 ccounts/serve_audio_file/a.mp3)}</style>`,
  ];
  for (const source of sources) {
    expect(only.rewrite(source, "html", "p.html", () => ({ path: "m/a", keepQuery: false })).text).toContain("m/a");
  }
  expect(only.mayRefer("caf&#233; &#39;100%&#39; 50%25 \\n \\/")).toBe(false);
});

test("any number of references in one script, and quotes that are never closed", () => {
  const many = (open: string, close: string): string =>
    `<script>${`${open}${AUDIO}a.mp3${close}`.repeat(150_000)}</script>`;
  expect(rewrite(many('"', '",\n')).wanted).toHaveLength(150_000);
  expect(rewrite(many("('", ");")).wanted.length).toBeGreaterThan(0);
});

describe("a page with a base", () => {
  const page = (href: string): string => `<base href="${href}"><img src="${AUDIO}a.mp3">`;

  test("relative: references start from there", () => {
    expect(rewrite(page("sub/"), "html", "normal/x.html").text).toBe(
      `<base href="sub/"><img src="../../multimedia/a.mp3">`,
    );
    expect(rewrite(page("../page.html"), "html", "normal/x.html").text).toBe(
      `<base href="../page.html"><img src="multimedia/a.mp3">`,
    );
  });

  test("elsewhere: it is replaced, or nothing would open from disk", () => {
    for (const href of ["/accounts/", "https://example.org/", "../../"]) {
      const { text, baseReplaced } = rewrite(page(href), "html", "normal/x.html");
      expect({ text, baseReplaced }).toEqual({
        text: `<base href="./"><img src="../multimedia/a.mp3">`,
        baseReplaced: true,
      });
    }
  });

  test("without a reference to rewrite it stays", () => {
    const source = `<base href="/accounts/"><p title="serve">`;
    expect(rewrite(source)).toMatchObject({ text: source, baseReplaced: false });
  });
});

describe("bytes", () => {
  const markup = fc.array(
    fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "<p>",
        "</p>",
        "<!--",
        "-->",
        "<script>",
        "</script>",
        "<style>",
        "</style>",
        '"',
        "'",
        "&amp;",
        "&#39;",
        "\\",
        "\\/",
        "url(",
        ")",
      ),
      fc.constantFrom('<img src="', "/accounts/", "serve", "audio_file/", "%73", "&#115;", "=", " ", ">"),
    ),
    { maxLength: 30 },
  );

  test("without a reference a document is given back as it was", () => {
    fc.assert(
      fc.property(markup, fc.constantFrom<DocumentKind>("html", "xml", "css"), (parts, kind) => {
        const source = parts.join("");
        const { text } = rewriter.rewrite(latin1(source), kind, "p.html", () => undefined);
        expect(text).toBeNull();
      }),
    );
  });

  test("with one, every byte around it stays, valid UTF-8 or not", () => {
    const bytes = fc.uint8Array({ maxLength: 40 }).map((data) =>
      Buffer.from(data)
        .toString("latin1")
        .replaceAll(/[<>"&]/g, "."),
    );
    fc.assert(
      fc.property(bytes, bytes, bytes, (before, name, after) => {
        const file = name.replaceAll(/[?#\s/\\%{}]/g, "_");
        const source = `${before}<img src="${AUDIO}a${file}">${after}`;
        const { text } = rewriter.rewrite(source, "html", "p.html", () => ({ path: "m/x", keepQuery: false }));
        expect(text).toBe(`${before}<img src="m/x">${after}`);
      }),
    );
  });

  test("what is written decodes to the file's name again", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary", minLength: 1 }), (name) => {
        const path = latin1(name.replaceAll("/", "_"));
        const { text } = rewriter.rewrite(`<img src=${AUDIO}a>`, "html", "p.html", () => ({
          path: `m/${path}`,
          keepQuery: false,
        }));
        const written = /src=m\/([^ >"'<`=]*)>/.exec(text ?? "")?.[1] ?? "";
        expect(Buffer.from(decodeURIComponent(written), "utf8").toString("latin1")).toBe(latin1(utf8(path)));
      }),
    );
  });
});
