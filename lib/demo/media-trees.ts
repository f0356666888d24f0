/** The trees beside the projects: legacy texts, the older audio store, lexicons, prompts, renderer templates. */
import { mp3, png } from "./media.ts";
import { seeded } from "./random.ts";
import type { Tree } from "./tree.ts";

const LEGACY = {
  Alice_in_Wonderland: {
    language: "english",
    lines: ["Down the Rabbit-Hole", "The Pool of Tears", "A Caucus-Race and a Long Tale"],
  },
  Combray_vol_1: {
    language: "french",
    lines: ["Longtemps, je me suis couché de bonne heure.", "Parfois, à peine ma bougie éteinte…"],
  },
  "Völuspá (2019)": {
    language: "icelandic",
    lines: ["Hljóðs bið ek allar helgar kindir,", "meiri ok minni mögu Heimdallar."],
  },
};

export function writeLegacy(tree: Tree): void {
  for (const [name, { language, lines }] of Object.entries(LEGACY)) {
    lines.forEach((line, index) => {
      const number = index + 1;
      tree.write(
        `lara_legacy/${name}/_hyperlinked_text_${number}_.html`,
        `<p><a href="multimedia/${number}.mp3">${line}</a></p>\n`,
      );
      tree.write(`lara_legacy/${name}/multimedia/${number}.mp3`, mp3(line, 90));
    });
    tree.write(`lara_legacy/${name}/cover.png`, png(300, 200, seeded(name)));
    tree.write(`lara_legacy/${name}/corpus.json`, `${JSON.stringify({ language, pages: lines.length }, null, 2)}\n`);
  }
  tree.write(
    "lara_legacy/READ ME FIRST.txt",
    "Texts of the years before the new platform. Please keep: readers still link to them.\n",
  );
}

const SOUNDS = {
  french: { a: "a", ou: "u", on: "ɔ̃" },
  italian: { gn: "ɲ", gli: "ʎ" },
  icelandic: { þ: "θ", ð: "ð", au: "øy" },
};

export function writeMediaTrees(tree: Tree): void {
  for (const word of ["bonjour", "merci", "au revoir"]) {
    tree.write(`audio/tts_repository/google/french/default/${word}.mp3`, mp3(word, 40));
  }
  for (const [language, sounds] of Object.entries(SOUNDS)) {
    tree.write(`phonetic_lexicon/${language}/plain_lexicon.json`, `${JSON.stringify(sounds, null, 2)}\n`);
    tree.write(`phonetic_orthography/${language}.json`, `${JSON.stringify(Object.keys(sounds), null, 2)}\n`);
    tree.write(
      `prompt_templates/${language}/segment.txt`,
      `Mark each word of this ${language} text with vertical bars.\n`,
    );
    tree.write(`prompt_templates/${language}/gloss.txt`, `Gloss each word of this ${language} text: {text}\n`);
  }
  tree.write("prompt_templates/default/segment.txt", "Mark each word of this text with vertical bars.\n");
  tree.write("templates/text_page.html", '{% extends "base.html" %}\n{% block page %}{{ page.html }}{% endblock %}\n');
  tree.write("templates/base.html", "<!DOCTYPE html>\n<title>{{ title }}</title>\n{% block page %}{% endblock %}\n");
}
