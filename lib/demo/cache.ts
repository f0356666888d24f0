/**
 * The caches that all projects share: spoken words and sentences, pictures. What is asked for is made once and
 * remembered for the metadata databases.
 */
import { mp3, png } from "./media.ts";
import { below, seeded } from "./random.ts";
import type { Tree } from "./tree.ts";

export interface Recording {
  readonly engine: string;
  readonly language: string;
  readonly voice: string;
  readonly text: string;
  readonly context: string;
  readonly file: string;
}

export interface Picture {
  readonly project: string;
  readonly name: string;
  readonly page: number;
  readonly file: string;
}

const AUDIO = "audio/tts_repository_orm";
const IMAGES = "images/image_repository_orm";

const VOICES: Readonly<Record<string, string>> = {
  english: "en-GB-News-J",
  french: "fr-FR-Neural2-A",
  german: "de-DE-Neural2-B",
  icelandic: "Karl",
  italian: "it-IT-Neural2-C",
  japanese: "ja-JP-Neural2-D",
  spanish: "es-ES-Neural2-F",
};

export class MediaCache {
  readonly recordings: Recording[] = [];
  readonly pictures: Picture[] = [];
  readonly #tree: Tree;
  readonly #urls = new Map<string, string>();
  readonly #numbers = new Map<string, number>();

  constructor(tree: Tree) {
    this.#tree = tree;
  }

  /** The URL at which the live site serves a word. */
  word(language: string, text: string): string {
    return this.#record({ engine: "google", language, voice: "default", text, context: "" });
  }

  /** The URL of a whole sentence, which a better voice speaks. `context` tells apart what is written alike. */
  sentence(language: string, text: string, context: string): string {
    const engine = language === "icelandic" ? "amazon_polly" : "google";
    return this.#record({ engine, language, voice: VOICES[language] ?? "default", text, context });
  }

  /** The URL of one of a project's pictures. */
  picture(project: string, name: string, page: number, size: readonly [width: number, height: number]): string {
    const file = `${IMAGES}/${project}/${name}`;
    const url = `/accounts/projects/serve_project_image/${encodeURIComponent(project)}/${encodeURIComponent(name)}`;
    if (!this.#urls.has(file)) {
      this.#tree.write(file, png(size[0], size[1], seeded(file)));
      this.pictures.push({ project, name, page, file });
      this.#urls.set(file, url);
    }
    return url;
  }

  #record(wanted: Omit<Recording, "file">): string {
    const key = JSON.stringify(wanted);
    const known = this.#urls.get(key);
    if (known !== undefined) return known;
    const directory = `${wanted.engine}/${wanted.language}/${wanted.voice}`;
    // Numbers begin anew in each directory, so base names collide as they do on a real site.
    const number = (this.#numbers.get(directory) ?? 0) + 1;
    this.#numbers.set(directory, number);
    const name = `default_${number}.mp3`;
    this.#tree.write(
      `${AUDIO}/${directory}/${name}`,
      mp3(wanted.text, 60 + 6 * wanted.text.length + below(seeded(key), 10)),
    );
    this.recordings.push({ ...wanted, file: `${AUDIO}/${directory}/${name}` });
    const url = `/accounts/serve_audio_file/${directory}/${name}`;
    this.#urls.set(key, url);
    return url;
  }
}
