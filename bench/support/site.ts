/** Sites to measure on: made up, the same every time, with the mix of a real one. */
import { createCipheriv } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { openSqliteFile } from "../../lib/sqlite/open.ts";

/** Medium is about 1 GB in 47,000 files: a quarter text that shrinks to a fifth, the rest sound and pictures, of which two fifths are copies of others. */
export const SIZES = { small: 30, medium: 300, large: 1800 } as const;
export type Size = keyof typeof SIZES;

export interface BenchSite {
  readonly root: string;
  readonly config: string;
  readonly projects: number;
}

const SOURCES = 40;
const PAGES = 40;
const PICTURES = 8;
/** Of the audio cache, for each project; legacy trees hold as many copies. */
const SOUNDS = 30;
const PROJECTS_A_LEGACY_TREE = 15;

/** Makes the site below `directory`; a store beside it is left to the measurement. */
export function plantSite(directory: string, size: Size): BenchSite {
  const root = path.join(directory, "site");
  const projects = SIZES[size];
  for (let project = 1; project <= projects; project++) plantProject(root, project);
  plantDatabase(path.join(root, "db.sqlite3"), projects);
  const config = path.join(directory, "site.yaml");
  writeFileSync(config, CONFIG);
  return { root, config, projects };
}

function plantProject(root: string, project: number): void {
  const at = (...parts: string[]): string => {
    const place = path.join(root, ...parts);
    mkdirSync(path.dirname(place), { recursive: true });
    return place;
  };
  for (let file = 0; file < SOURCES; file++)
    writeFileSync(
      at("clara_content", `Project_${project}`, `texts/text_${file}.txt`),
      annotated(project * 1000 + file),
    );
  for (let picture = 0; picture < PICTURES; picture++) {
    const data = media(1e6 + project * 100 + picture, 50_000);
    writeFileSync(at("images/image_repository_orm", `Project_${project}`, `picture_${picture}.png`), data);
    writeFileSync(at("clara_compiled", `${project}`, `static/picture_${picture}.png`), data);
  }
  for (let page = 0; page < PAGES; page++)
    writeFileSync(at("clara_compiled", `${project}`, `page_${page}.html`), html(project, page));
  for (let sound = 0; sound < SOUNDS; sound++) {
    const data = media(2e6 + project * 100 + sound, 30_000);
    writeFileSync(at(SOUND(project, sound)), data);
    writeFileSync(
      at(
        "lara_legacy",
        `Book_${project % Math.max(1, Math.ceil(SIZES.medium / PROJECTS_A_LEGACY_TREE))}`,
        `multimedia/${project}_${sound}.mp3`,
      ),
      data,
    );
  }
}

const SOUND = (project: number, sound: number): string =>
  `audio/tts_repository_orm/google/french/voice_${project % 50}/sound_${project}_${sound}.mp3`;

function html(project: number, page: number): string {
  const sounds = Array.from(
    { length: 6 },
    (_, index) =>
      `<audio src="/accounts/serve_audio_file/google/french/voice_${project % 50}/sound_${project}_${(page + index) % SOUNDS}.mp3"></audio>`,
  );
  return `<!DOCTYPE html>\n<img src="/accounts/projects/serve_project_image/Project_${project}/picture_${page % PICTURES}.png" alt="">\n${sounds.join("\n")}\n<p>${words(project * 7000 + page, 11_000, (word, index) => `<span class="word" data-word-id="seg_${page}_w${index}" data-lemma="${word}" data-pos="NOUN">${word}</span>\n`)}</p>\n`;
}

/** As an annotated text is kept. */
const annotated = (seed: number): string =>
  `[${words(seed, 8000, (word) => `{"content": "${word}", "type": "Word", "annotations": {"lemma": "${word}", "pos": "NOUN"}}`, ",\n")}]\n`;

/** Changes one unit of a hundred in the way that a day of work does: most files rewritten, some added, some deleted. Gives how many. */
export function changeSome({ root, projects }: BenchSite, round: number): number {
  let changed = 0;
  for (let project = 1; project <= projects; project++) {
    // One file of a hundred, spread over a fifth of the projects.
    if ((project + round) % 5 !== 0) continue;
    const place = path.join(root, "clara_content", `Project_${project}`, "texts");
    for (let file = 0; file < 3; file++)
      writeFileSync(
        path.join(place, `text_${(file + round) % SOURCES}.txt`),
        annotated(round * 1e6 + project * 10 + file),
      );
    writeFileSync(path.join(place, `added_${round}.txt`), annotated(round * 1e6 + project));
    rmSync(path.join(place, `text_${(20 + round) % SOURCES}.txt`), { force: true });
    writeFileSync(path.join(root, SOUND(project, round % SOUNDS)), media(round * 1e7 + project, 30_000));
    for (let page = 0; page < 2; page++)
      writeFileSync(
        path.join(root, "clara_compiled", `${project}`, `page_${(page + round) % PAGES}.html`),
        html(project, page + round),
      );
    changed += 8;
  }
  return changed;
}

function plantDatabase(file: string, projects: number): void {
  const database = openSqliteFile(file, { mode: "create" });
  database.exec("create table clara_app_claraproject (id integer primary key, internal_id text not null, title text)");
  const insert = database.prepare("insert into clara_app_claraproject values (?, ?, ?)");
  database.exec("begin");
  for (let id = 1; id <= projects; id++) insert.run(id, `Project_${id}`, `Project ${id}`);
  database.exec("commit");
  database.close();
}

/** Bytes that do not shrink, the same for the same seed, quickly. */
function media(seed: number, size: number): Buffer {
  const iv = Buffer.alloc(16);
  iv.writeDoubleBE(seed);
  return createCipheriv("aes-128-ctr", Buffer.alloc(16, 7), iv).update(Buffer.alloc(size + (seed % 1000)));
}

/** About `size` bytes of words in mark-up, of which no two files have the same ones in a row. */
function words(seed: number, size: number, mark: (word: string, index: number) => string, between = ""): string {
  const parts: string[] = [];
  let left = size - (seed % 1500);
  for (let index = 0; left > 0; index++) {
    const part = mark(PROSE[(seed * 7919 + index) % PROSE.length] ?? "", index);
    parts.push(part);
    left -= part.length + between.length;
  }
  return parts.join(between);
}

const PROSE = makeProse(600_000);

/** Words of a few thousand, short ones and a few of them most often. */
function makeProse(length: number): string[] {
  let state = 42;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };
  const letters = "eeeeaaiioutnnrrsstlldcmpvfghbqjxyz";
  const vocabulary = Array.from({ length: 4000 }, () =>
    Array.from({ length: 2 + random(9) }, () => letters[random(letters.length)]).join(""),
  );
  return Array.from({ length }, () => vocabulary[Math.min(random(4000), random(4000), random(4000))] ?? "");
}

const CONFIG = `site: bench
root: site
database: { url: "sqlite:///db.sqlite3" }
projects:
  query: select id, internal_id, title from clara_app_claraproject
  source: { path: "clara_content/{internal_id}" }
  compiled:
    text_types: { normal: { path: "clara_compiled/{id}" } }
    media:
      - { url: "/accounts/serve_audio_file/{path}", path: "audio/tts_repository_orm/{path}" }
      - { url: "/accounts/projects/serve_project_image/{project}/{path}", path: "images/image_repository_orm/{project}/{path}" }
legacy: { path: lara_legacy }
audio_cache: { path: audio/tts_repository_orm, shard_size_mb: 256 }
snapshots: { media: [images] }
`;
