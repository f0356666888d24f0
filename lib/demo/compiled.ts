/**
 * A project's compiled pages, which name sound and pictures by the URLs of the live site, in every place where a page
 * can.
 */
import type { MediaCache } from "./cache.ts";
import type { DemoProject } from "./project.ts";
import { spell, wordsOf, type TextType } from "./stories.ts";
import type { Tree } from "./tree.ts";

const ROOTS: Readonly<Record<TextType, string>> = {
  normal: "clara_compiled",
  phonetic: "clara_compiled_phonetic",
  questionnaire: "clara_compiled_for_questionnaire",
};

export function writeCompiled(tree: Tree, cache: MediaCache, project: DemoProject): void {
  for (const textType of project.textTypes) {
    const write = (path: string, data: string): void => tree.write(`${ROOTS[textType]}/${project.id}/${path}`, data);
    write("static/clara_styles_main.css", styles(cache, project));
    write("static/clara_scripts.js", SCRIPT);
    if (textType === "questionnaire") {
      write("page_1.html", questionnaire(cache, project));
      continue;
    }
    for (const index of project.pages.keys()) write(`page_${index + 1}.html`, page(cache, project, textType, index));
    if (textType === "normal") for (const [name, html] of wordPages(cache, project)) write(name, html);
  }
}

function page(cache: MediaCache, project: DemoProject, textType: "normal" | "phonetic", index: number): string {
  const { internalId, story, pages } = project;
  const number = index + 1;
  const small = cache.picture(internalId, `page ${number}.png`, number, [240, 160]);
  const large = cache.picture(internalId, `page ${number}@2x.png`, number, [480, 320]);
  const sentences = pages[index] ?? [];
  const audio = sentences.map(([sentence], place) =>
    cache.sentence(story.l2, sentence, `page ${number}, ${place + 1}`),
  );
  const body = sentences.map(([sentence, translation], place) => {
    const url = audio[place] ?? "";
    return `    <p><span class="segment" data-segment-audio="${url}">${spoken(cache, project, textType, sentence)}</span>
      <button onclick="play('${url}')">♪</button> <span class="translation">${escape(translation)}</span></p>`;
  });
  return frame(
    project,
    `${escape(project.title)}, ${number}/${pages.length}`,
    `    ${navigation(project, textType, number)}
    <div class="banner" style="background-image: url('${cache.picture(internalId, "banner.png", 0, [600, 80])}')"></div>
    <img src="${small}" srcset="${small} 1x, ${large} 2x" alt="">
    <audio controls><source src="${audio[0] ?? ""}" type="audio/mpeg"></audio>
${body.join("\n")}
    <script>const pageAudio = ${JSON.stringify(audio)};</script>`,
  );
}

/** Every word a link to its concordance that speaks when touched; in the phonetic text, letter by letter. */
function spoken(cache: MediaCache, project: DemoProject, textType: TextType, sentence: string): string {
  const words = sentence.split(" ").map((part) => {
    const [word] = wordsOf(part);
    if (word === undefined) return escape(part);
    const shown = textType === "phonetic" ? spell(part, "\u{200A}·\u{200A}") : part;
    return `<span class="word" data-lemma="${escape(word.toLowerCase())}" data-audio="${cache.word(project.story.l2, word)}">${escape(shown)}</span>`;
  });
  return words.join(" ");
}

function navigation(project: DemoProject, textType: "normal" | "phonetic", number: number): string {
  const other = textType === "normal" ? "phonetic" : "normal";
  const links = [
    number > 1 ? `<a href="page_${number - 1}.html">←</a>` : "",
    number < project.pages.length ? `<a href="page_${number + 1}.html">→</a>` : "",
    textType === "normal" ? `<a href="vocab_list_alphabetical.html">Words</a>` : "",
    project.textTypes.includes(other)
      ? `<a href="/accounts/rendered_texts/${project.id}/${other}/page_${number}.html">${other === "normal" ? "Text" : "Sounds"}</a>`
      : "",
  ];
  return `<nav>${links.filter((link) => link !== "").join(" ")}</nav>`;
}

function wordPages(cache: MediaCache, project: DemoProject): Map<string, string> {
  const sentences = project.story.sentences.map(([sentence]) => sentence);
  const words = [...new Set(sentences.flatMap(wordsOf).map((word) => word.toLowerCase()))].sort();
  const pages = new Map<string, string>();
  for (const word of words) {
    const found = sentences.filter((sentence) => wordsOf(sentence.toLowerCase()).includes(word));
    const body = found.map((sentence) => `    <p>${spoken(cache, project, "normal", sentence)}</p>`).join("\n");
    pages.set(`concordance_${word}.html`, frame(project, escape(word), body));
  }
  const list = words.map(
    (word) => `    <li><a href="concordance_${encodeURIComponent(word)}.html">${escape(word)}</a></li>`,
  );
  pages.set("vocab_list_alphabetical.html", frame(project, "Words", `  <ul>\n${list.join("\n")}\n  </ul>`));
  return pages;
}

function questionnaire(cache: MediaCache, project: DemoProject): string {
  const pictures = project.pages.map((_, index) => {
    const url = cache.picture(project.internalId, `page ${index + 1}.png`, index + 1, [240, 160]);
    return `    <label><img src="${url}" alt=""> <input type="radio" name="page" value="${index + 1}"></label>`;
  });
  return frame(
    project,
    `Which picture did you like best?`,
    `  <form>
${pictures.join("\n")}
  </form>
  <a href="/accounts/rendered_texts/${project.id}/normal/page_1.html">Back to the text</a>`,
  );
}

function frame(project: DemoProject, title: string, body: string): string {
  return `<!DOCTYPE html>
<html lang="${project.story.l2}">
<head>
  <meta charset="UTF-8">
  <title>${title}</title>
  <link rel="stylesheet" href="./static/clara_styles_main.css">
  <script src="./static/clara_scripts.js"></script>
</head>
<body>
  <h1>${title}</h1>
${body}
</body>
</html>
`;
}

function styles(cache: MediaCache, project: DemoProject): string {
  return `body { max-width: 42rem; margin: 2rem auto; font: 1.1rem/1.6 serif; }
.banner { height: 80px; }
.word:hover { background: #ffe9a8; cursor: pointer; }
form { background: url(${cache.picture(project.internalId, "paper.png", 0, [64, 64])}) repeat; }
`;
}

const SCRIPT = `function play(url) { new Audio(url).play(); }
document.addEventListener("click", (event) => {
  const { audio } = event.target.dataset;
  if (audio) play(audio);
});
`;

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll('"', "&quot;");
}
