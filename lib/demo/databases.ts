/** The site's own database, and the small ones that its caches keep. */
import type { MediaCache } from "./cache.ts";
import type { DemoProject } from "./project.ts";
import { letters, seeded } from "./random.ts";
import { writeDatabase, writeLiveDatabase, type Table } from "./sqlite.ts";
import { spell, wordsOf } from "./stories.ts";
import type { Tree } from "./tree.ts";

const USERS = ["admin", "anna", "marco", "birna"];
const MODELS = ["claraproject", "userprofile", "content", "comment", "apicall"];
const DAY = "2026-03-01";

/** The Django database: users, projects, what readers said, what the language models cost. */
export function writeSiteDatabase(tree: Tree, projects: readonly DemoProject[]): void {
  const published = projects.filter((project) => project.textTypes.length > 0);
  writeDatabase(tree.path("db.sqlite3"), [
    {
      name: "auth_user",
      columns: [
        "id integer primary key",
        "username varchar(150) not null unique",
        "password varchar(128) not null",
        "email varchar(254)",
        "is_superuser bool not null",
        "date_joined datetime not null",
      ],
      rows: USERS.map((name, index) => [
        index + 1,
        name,
        passwordHash(name),
        `${name}@clara.example`,
        index === 0 ? 1 : 0,
        `2025-08-0${index + 1} 08:00:00.123456`,
      ]),
    },
    {
      name: "clara_app_userprofile",
      columns: [
        "id integer primary key",
        "user_id integer not null unique references auth_user(id)",
        "bio text not null",
        "is_private bool not null",
        "credit decimal not null",
      ],
      rows: USERS.map((name, index) => [
        index + 1,
        index + 1,
        index === 1 ? "Teacher.\nLikes markets & cats." : "",
        name === "admin" ? 1 : 0,
        `${index * 7}.50`,
      ]),
    },
    {
      name: "clara_app_claraproject",
      columns: [
        "id integer primary key",
        "title varchar(200) not null",
        "internal_id varchar(200) not null unique",
        "user_id integer not null references auth_user(id)",
        "l2 varchar(50) not null",
        "l1 varchar(50) not null",
        "created_at datetime not null",
        "updated_at datetime not null",
      ],
      rows: projects.map(({ id, title, internalId, story, createdAt, updatedAt }) => [
        id,
        title,
        internalId,
        USERS.indexOf(story.owner) + 1,
        story.l2,
        story.l1,
        createdAt,
        updatedAt,
      ]),
    },
    {
      name: "clara_app_content",
      columns: [
        "id integer primary key",
        "external_name varchar(255) not null",
        "project_id integer unique references clara_app_claraproject(id)",
        "text_type varchar(20) not null",
        "unique_access_count integer not null",
      ],
      rows: published.map(({ id, title }, index) => [index + 1, title, id, "normal", 17 * (index + 1)]),
    },
    {
      name: "clara_app_comment",
      columns: [
        "id integer primary key",
        "content_id integer not null references clara_app_content(id)",
        "user_id integer not null references auth_user(id)",
        "comment text not null",
        "timestamp datetime not null",
      ],
      rows: published.map((_, index) => [
        index + 1,
        index + 1,
        1 + (index % USERS.length),
        ["Lovely! 🎉", "The sound on page 2 is very clear.", "C'était « parfait »."][index % 3] ?? "",
        `${DAY} 10:0${index % 10}:00`,
      ]),
    },
    {
      name: "clara_app_apicall",
      columns: [
        "id integer primary key",
        "user_id integer not null references auth_user(id)",
        "project_id integer references clara_app_claraproject(id)",
        "operation varchar(100) not null",
        "cost decimal not null",
        "timestamp datetime not null",
      ],
      rows: projects.flatMap(({ id }, index) =>
        ["segmented", "gloss", "images"].map((operation, step) => [
          3 * index + step + 1,
          2,
          id,
          operation,
          `0.0${index % 10}${step}`,
          `${DAY} 09:00:0${step}`,
        ]),
      ),
    },
    {
      name: "django_content_type",
      columns: ["id integer primary key", "app_label varchar(100) not null", "model varchar(100) not null"],
      rows: [["auth", "user"], ...MODELS.map((model) => ["clara_app", model])].map(([app = "", model = ""], index) => [
        index + 1,
        app,
        model,
      ]),
    },
    {
      name: "django_migrations",
      columns: [
        "id integer primary key",
        "app varchar(255) not null",
        "name varchar(255) not null",
        "applied datetime not null",
      ],
      rows: [
        ["contenttypes", "0001_initial"],
        ["auth", "0001_initial"],
        ["auth", "0002_alter_permission_name_max_length"],
        ["clara_app", "0001_initial"],
        ["clara_app", "0002_claraproject_l1"],
        ["clara_app", "0003_apicall"],
        ["sessions", "0001_initial"],
      ].map(([app = "", name = ""], index) => [index + 1, app, name, `2025-08-01 07:00:0${index}`]),
    },
    {
      name: "django_session",
      columns: ["session_key varchar(40) primary key", "session_data text not null", "expire_date datetime not null"],
      rows: USERS.map((name) => [
        letters(seeded(`session ${name}`), 32),
        letters(seeded(`data ${name}`), 80),
        "2026-04-01 00:00:00",
      ]),
    },
  ]);
}

/** The caches' metadata, live: a running site has them open. */
export function writeCacheDatabases(tree: Tree, cache: MediaCache, projects: readonly DemoProject[]): void {
  writeLiveDatabase(tree.path("audio/tts_metadata.db"), [
    {
      name: "metadata",
      columns: [
        "id integer primary key",
        "engine_id text",
        "language_id text",
        "voice_id text",
        "text text",
        "context text",
        "file_path text",
      ],
      rows: cache.recordings.map(({ engine, language, voice, text, context, file }, index) => [
        index + 1,
        engine,
        language,
        voice,
        text,
        context,
        file,
      ]),
    },
  ]);
  writeLiveDatabase(tree.path("audio/tts_metadata_local.db"), [
    {
      name: "metadata",
      columns: ["id integer primary key", "language_id text", "text text", "file_path text"],
      rows: ["bonjour", "merci", "au revoir"].map((word, index) => [
        index + 1,
        "french",
        word,
        `audio/tts_repository/google/french/default/${word}.mp3`,
      ]),
    },
  ]);
  writeLiveDatabase(tree.path("images/image_metadata.db"), [
    {
      name: "metadata",
      columns: ["id integer primary key", "project_id text", "image_name text", "page integer", "file_path text"],
      rows: cache.pictures.map(({ project, name, page, file }, index) => [index + 1, project, name, page, file]),
    },
  ]);
  writeLiveDatabase(tree.path("phonetic_lexicon/phonetic_lexicon_metadata.db"), [phoneticLexicon(projects)]);
}

function phoneticLexicon(projects: readonly DemoProject[]): Table {
  const spoken = projects.filter((project) => project.textTypes.includes("phonetic"));
  const words = spoken.flatMap(({ story }) =>
    story.sentences.flatMap(([sentence]) => wordsOf(sentence)).map((word) => `${story.l2}\n${word.toLowerCase()}`),
  );
  return {
    name: "phonetic_entries",
    columns: [
      "id integer primary key",
      "language text not null",
      "word text not null",
      "aligned_graphemes text not null",
      "status text not null",
    ],
    rows: [...new Set(words)].map((entry, index) => {
      const [language = "", word = ""] = entry.split("\n");
      return [index + 1, language, word, spell(word, "|"), "generated"];
    }),
  };
}

function passwordHash(name: string): string {
  const random = seeded(`password ${name}`);
  return `pbkdf2_sha256$600000$${letters(random, 22)}$${letters(random, 43)}=`;
}
