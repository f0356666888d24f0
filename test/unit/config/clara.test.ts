import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { loadConfig } from "../../../lib/config/load.ts";
import { uncoveredBy } from "../../support/coverage.ts";
import { PROJECT } from "../../support/commands/run.ts";
import { tempDirectory } from "../../support/temp.ts";

const CLARA_YAML = join(PROJECT, "config/clara.yaml");
const load = (environment: NodeJS.ProcessEnv) => loadConfig(CLARA_YAML, { CLARA: "/srv/clara", ...environment });
const url = (environment: NodeJS.ProcessEnv) => load(environment).database?.map((database) => database.url);

describe("config/clara.yaml", () => {
  test("needs CLARA and nothing else", () => {
    const { root, dest, legacy, audio_cache: audio, warnings } = load({});
    expect({ root, dest, legacy, shard: audio?.shard_size_mb, warnings }).toEqual({
      root: "/srv/clara",
      dest: "/srv/clara_backups",
      legacy: { path: "lara_legacy", tgz_above_mb: 2048 },
      shard: 2048,
      warnings: [],
    });
    expect(() => load({ CLARA: "" })).toThrow("CLARA is not set");
  });

  test("takes the store, the legacy root and the size of a shard from the environment", () => {
    const {
      dest,
      legacy,
      audio_cache: audio,
    } = load({ BACKUP_ROOT: "/mnt/b", LEGACY_ROOT: "/old/lara", SHARD_SIZE_MB: "16" });
    expect({ dest, legacy: legacy?.path, shard: audio?.shard_size_mb }).toEqual({
      dest: "/mnt/b",
      legacy: "/old/lara",
      shard: 16,
    });
  });

  test.each([
    [{}, "postgresql://clara@localhost:5432/clara"],
    [
      { DB_ENGINE: "postgresql", PGHOST: "db.example", PGUSER: "backup", PGPORT: "5433", PGDATABASE: "c" },
      "postgresql://backup@db.example:5433/c",
    ],
    [{ DB_ENGINE: "mysql" }, "mysql://clara@localhost:3306/clara"],
    [{ DB_ENGINE: "mariadb", MYSQL_DATABASE: "c" }, "mariadb://clara@localhost:3306/c"],
    [{ DB_ENGINE: "sqlite" }, "sqlite:///db.sqlite3"],
    [{ DB_ENGINE: "sqlite", SQLITE_DATABASE: "/var/clara.db" }, "sqlite:////var/clara.db"],
  ])("with %o asks %s", (environment, expected) => {
    expect(url(environment)).toEqual([expected]);
  });

  test("refuses an engine that it does not know, and says which it does", () => {
    expect(() => load({ DB_ENGINE: "oracle" })).toThrow(
      /database\.engine: must be one of postgresql, mysql, mariadb, sqlite/,
    );
  });

  test("leaves nothing uncovered of the layout that C-LARA has", async () => {
    const root = tempDirectory();
    for (const path of LAYOUT) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), path);
    }
    const config = load({ CLARA: root, DB_ENGINE: "sqlite" });
    expect(await uncoveredBy(config, "/srv/clara_backups")).toEqual([]);
    writeFileSync(join(root, "audio/forgotten.mp3"), "");
    mkdirSync(join(root, "gloss_images"));
    expect(await uncoveredBy(config, "/srv/clara_backups")).toEqual(["audio/forgotten.mp3", "gloss_images/"]);
  });
});

const LAYOUT = [
  "clara_content/Le_petit_prince_12/metadata.json",
  "clara_compiled/12/page_1.html",
  "clara_compiled_phonetic/12/page_1.html",
  "clara_compiled_for_questionnaire/12/page_1.html",
  "lara_legacy/Combray/page_1.html",
  "audio/tts_repository_orm/google/french/default/default_1.mp3",
  "audio/tts_metadata.db",
  "audio/tts_metadata.db-wal",
  "audio/tts_metadata_local.db",
  "audio/tts_repository/google/1.mp3",
  "images/image_repository_orm/Le_petit_prince_12/1.png",
  "images/image_metadata.db",
  "phonetic_lexicon/french.json",
  "phonetic_lexicon/phonetic_lexicon_metadata.db",
  "prompt_templates/french/segment.txt",
  "phonetic_orthography/french.json",
  "templates/page.html",
  "db.sqlite3",
  ".env",
  "clara_project/settings.py",
];
