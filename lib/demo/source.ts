/** A project's editable source, as its authors' tools leave it. */
import { mp3, png } from "./media.ts";
import type { DemoProject } from "./project.ts";
import { seeded } from "./random.ts";
import { spell, wordsOf } from "./stories.ts";
import type { Tree } from "./tree.ts";

const CONTENT = "clara_content";

export function writeSource(tree: Tree, project: DemoProject): void {
  const { internalId, story, pages } = project;
  const write = (path: string, data: string | Uint8Array): void => tree.write(`${CONTENT}/${internalId}/${path}`, data);
  const sentences = pages.flat();
  const text = (kind: string, lines: readonly string[]): void =>
    write(`${kind}/${internalId}_${kind}.txt`, lines.join("\n") + "\n");

  text("title", [project.title]);
  text(
    "plain",
    pages.map((page) => page.map(([sentence]) => sentence).join(" ")),
  );
  text(
    "segmented",
    pages.map((page) => page.map(([sentence]) => sentence).join("||")).map((page) => `<page>${page}`),
  );
  text(
    "translated",
    sentences.map(([sentence, translation]) => `${sentence}#${translation}#`),
  );
  text(
    "lemma",
    sentences.map(([sentence]) =>
      wordsOf(sentence)
        .map((word) => `${word}#${word.toLowerCase()}#`)
        .join(" "),
    ),
  );
  if (project.textTypes.includes("phonetic")) {
    text(
      "phonetic",
      sentences.map(([sentence]) =>
        wordsOf(sentence)
          .map((word) => spell(word, "|"))
          .join(" "),
      ),
    );
  }
  write(`plain/archived/${internalId}_plain_20250914_101502.txt`, `${sentences[0]?.[0] ?? ""}\n`);
  write("metadata.json", json(project));
  write("images/cover.png", png(240, 160, seeded(`${internalId} cover`)));
  tree.link(`${CONTENT}/${internalId}/images/latest_cover.png`, "cover.png");
  write("audio/read by the author.mp3", mp3(project.title, 120));
  tree.directory(`${CONTENT}/${internalId}/drafts`);
  if (story.owner === "marco") write("notes/🎉 ideas for the next lesson.txt", "Sing it first, then read it.\n");
}

/** A project that its author never registered: files without a row. */
export function writeOrphan(tree: Tree): void {
  const root = `${CONTENT}/Abandoned_experiment_0`;
  tree.write(`${root}/plain/Abandoned_experiment_0_plain.txt`, "One sentence, and then a better idea.\n");
  tree.write(`${root}/a long name, ${"as they come when a title is pasted into a form, ".repeat(4)}.txt`, "\n");
}

function json(project: DemoProject): string {
  const { id, internalId, title, story, createdAt, updatedAt } = project;
  const facts = {
    id,
    internal_id: internalId,
    title,
    l2: story.l2,
    l1: story.l1,
    owner: story.owner,
    created_at: createdAt,
    updated_at: updatedAt,
  };
  return `${JSON.stringify(facts, null, 2)}\n`;
}
