/** A small C-LARA-like site with a SQLite database and a config, made in milliseconds: what the whole-run tests back up. */
import { mkdirSync, symlinkSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { openDatabase, runSql } from "../sqlite.ts";

export interface SiteOptions {
  readonly projects?: number;
  /** Source files a project. */
  readonly files?: number;
  /** Bytes of each source file; its lines differ. */
  readonly fileBytes?: number;
  readonly audioFiles?: number;
  readonly audioBytes?: number;
  /** Replaces the top-level keys of the config that it has, e.g. `{legacy: "legacy: { path: old }"}`; `""` takes one away. */
  readonly config?: Readonly<Record<string, string>>;
}

interface TestProject {
  readonly id: number;
  readonly internalId: string;
}

export interface TestSite {
  readonly root: string;
  readonly config: string;
  /** Where the store will be: beside the site, not made yet. */
  readonly dest: string;
  readonly database: string;
  readonly projects: readonly TestProject[];
  /** Writes a file below the root, with the directories that lead to it, old enough to be at rest. */
  write(path: string, data: string | Uint8Array): void;
  /** Runs SQL on the site's database. */
  sql(text: string): void;
}

/**
 * Makes `<directory>/site`, `<directory>/site.yaml`, and names `<directory>/store`. Projects have ids 1, 2, …; all have source, all but the
 * last compiled pages (`normal`; every second one `phonetic` too) that refer to sound and pictures by URL. All mtimes are of 2026.
 */
export function makeSite(directory: string, options: SiteOptions = {}): TestSite {
  const { projects: count = 3, files = 3, fileBytes = 200, audioFiles = 6, audioBytes = 2_000 } = options;
  const root = join(directory, "site");
  const write: TestSite["write"] = (path, data) => writeOld(join(root, path), data);
  const projects = Array.from({ length: count }, (_, index) => ({ id: index + 1, internalId: `Project_${index + 1}` }));
  const database = join(root, "db.sqlite3");

  for (const project of projects) {
    for (let file = 1; file <= files; file++)
      write(
        `clara_content/${project.internalId}/texts/text ${file}.txt`,
        text(`${project.internalId} ${file}`, fileBytes),
      );
    symlinkSync("texts", join(root, "clara_content", project.internalId, "latest"));
    if (project.id < count || count === 1) writePages(write, project);
  }
  for (let file = 1; file <= audioFiles; file++) {
    write(
      `audio/tts_repository_orm/google/french/voice_${file % 2}/default_${file}.mp3`,
      bytes(`audio ${file}`, audioBytes),
    );
  }
  write("images/image_repository_orm/shared/paper.png", bytes("paper", 500));
  write("lara_legacy/Old_book/page_1.html", "<p>Old</p>\n");
  write("lara_legacy/Older book/page_1.html", "<p>Older</p>\n");
  write("lara_legacy/loose file.txt", "loose\n");
  for (const tree of [
    "audio/tts_repository",
    "phonetic_lexicon",
    "prompt_templates",
    "phonetic_orthography",
    "templates",
  ])
    write(`${tree}/file.txt`, `${tree}\n`);
  write("app/.env", "DEBUG=False\nSECRET_KEY=a-secret-of-the-test-site-0123456789\n");
  fillDatabase(database, projects);
  cacheDatabase(join(root, "audio/tts_metadata.db"), audioFiles);

  const config = join(directory, "site.yaml");
  writeFileSync(config, Object.values({ ...CONFIG, ...options.config }).join("\n"));
  const sql = (statement: string): void => {
    runSql(database, statement);
  };
  return { root, config, dest: join(directory, "store"), database, projects, write, sql };
}

function writePages(write: TestSite["write"], { id, internalId }: TestProject): void {
  const picture = `page ${id}.png`;
  write(`images/image_repository_orm/${internalId}/${picture}`, bytes(internalId, 900));
  const other = id % 2 === 0 ? `<a href="/accounts/rendered_texts/${id}/phonetic/page_1.html">Sounds</a>` : "";
  const page = `<!DOCTYPE html>
<link rel="stylesheet" href="static/style.css">
<img src="/accounts/projects/serve_project_image/${internalId}/${encodeURIComponent(picture)}" alt="">
<audio src="/accounts/serve_audio_file/google/french/voice_1/default_1.mp3"></audio>${other}
`;
  write(`clara_compiled/${id}/page_1.html`, page);
  write(`clara_compiled/${id}/plain.html`, "<p>Nothing to rewrite</p>\n");
  write(
    `clara_compiled/${id}/static/style.css`,
    "body { background: url(/accounts/projects/serve_project_image/shared/paper.png) }\n",
  );
  if (id % 2 === 0) write(`clara_compiled_phonetic/${id}/page_1.html`, page.replace("phonetic", "normal"));
}

function writeOld(path: string, data: string | Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
  const time = Date.UTC(2026, 0, 15, 12) / 1000;
  utimesSync(path, time, time);
}

function fillDatabase(path: string, projects: readonly TestProject[]): void {
  const database = openDatabase(path);
  database.exec(`
    create table auth_user (id integer primary key, username text not null unique);
    insert into auth_user values (1, 'anna');
    create table clara_app_claraproject (
      id integer primary key, internal_id text not null, title text not null, l2 text, l1 text, user_id integer references auth_user(id));
    create table django_migrations (id integer primary key, app text not null, name text not null, applied datetime not null);
    insert into django_migrations values (1, 'clara_app', '0001_initial', '2026-01-01 00:00:00');`);
  const insert = database.prepare("insert into clara_app_claraproject values (?, ?, ?, 'fr', 'en', 1)");
  database.exec("begin");
  projects.forEach(({ id, internalId }) => insert.run(id, internalId, `Project ${id}`));
  database.exec("commit");
  database.close();
}

function cacheDatabase(path: string, audioFiles: number): void {
  const database = openDatabase(path);
  database.exec("create table metadata (id integer primary key, file_path text)");
  const insert = database.prepare("insert into metadata values (?, ?)");
  for (let file = 1; file <= audioFiles; file++)
    insert.run(file, `google/french/voice_${file % 2}/default_${file}.mp3`);
  database.close();
}

/** Text that shrinks as prose does and is never the same twice. */
function text(seed: string, length: number): string {
  const line = (number: number): string => `${seed}: line ${number} of a text that is here to be kept\n`;
  let result = "";
  for (let number = 1; result.length < length; number++) result += line(number);
  return result.slice(0, length);
}

/** Bytes that do not shrink, the same for the same seed. */
function bytes(seed: string, length: number): Buffer {
  const result = Buffer.alloc(length);
  let state = 1;
  for (const character of seed) state = (Math.imul(state, 31) + (character.codePointAt(0) ?? 0)) >>> 0;
  for (let at = 0; at < length; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    result[at] = state >>> 24;
  }
  return result;
}

/** The compiled texts of a site and their media, as part of `projects`. */
export const COMPILED = `  compiled:
    text_types:
      normal: { path: "clara_compiled/{id}" }
      phonetic: { path: "clara_compiled_phonetic/{id}" }
    media:
      - { url: "/accounts/serve_audio_file/{path}", path: "audio/tts_repository_orm/{path}" }
      - { url: "/accounts/projects/serve_project_image/{project}/{path}", path: "images/image_repository_orm/{project}/{path}" }`;

const CONFIG: Readonly<Record<string, string>> = {
  site: "site: test",
  root: "root: site",
  database: "database: { url: sqlite:///db.sqlite3 }",
  projects: `projects:
  query: select p.id, p.internal_id, p.title, p.l2, p.l1, u.username as owner from clara_app_claraproject p left join auth_user u on u.id = p.user_id
  source: { path: "clara_content/{internal_id}" }
${COMPILED}
    pages: { url: "/accounts/rendered_texts/{id}/{text_type}/{page}" }`,
  legacy: "legacy: { path: lara_legacy }",
  audio_cache: "audio_cache: { path: audio/tts_repository_orm, databases: [audio/tts_metadata.db], shard_size_mb: 1 }",
  snapshots:
    "snapshots: { media: [audio/tts_repository, images, phonetic_lexicon, prompt_templates, phonetic_orthography, templates] }",
  infra: "infra: { env: [app/.env], keep_values: [DEBUG] }",
};
