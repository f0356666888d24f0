/** Which projects the demo site has. */
import { STORIES, type Story, type TextType } from "./stories.ts";

export interface DemoProject {
  readonly id: number;
  readonly internalId: string;
  readonly title: string;
  readonly story: Story;
  readonly textTypes: readonly TextType[];
  /** What is on each page: the story's sentences, told `scale` times. */
  readonly pages: readonly Story["sentences"][];
  readonly createdAt: string;
  readonly updatedAt: string;
}

const FIRST_IDS = [12, 17, 23, 31, 40, 44, 52, 61];
const SENTENCES_A_PAGE = 2;

/** `count` projects: the stories one after the other, then their further volumes. */
export function demoProjects(count: number, scale: number): DemoProject[] {
  return Array.from({ length: count }, (_, index) => {
    const story = STORIES[index % STORIES.length];
    if (story === undefined) throw new RangeError("there are no stories");
    const volume = Math.floor(index / STORIES.length) + 1;
    const id = FIRST_IDS[index] ?? 61 + 7 * (index - FIRST_IDS.length + 1);
    const title = volume === 1 ? story.title : `${story.title} (${volume})`;
    return {
      id,
      title,
      story,
      internalId: `${title.replace(/[^\p{L}\p{N}]+/gu, "_").replace(/_$/, "")}_${id}`,
      textTypes: story.textTypes,
      pages: pagesOf(story, scale),
      createdAt: new Date(Date.UTC(2025, 8, 1 + (index % 90), 9, 30)).toISOString(),
      updatedAt: new Date(Date.UTC(2026, 1, 1 + (index % 90), 16, 5, index % 60)).toISOString(),
    };
  });
}

function pagesOf(story: Story, scale: number): Story["sentences"][] {
  const sentences = Array.from({ length: scale }, () => story.sentences).flat();
  return Array.from({ length: Math.ceil(sentences.length / SENTENCES_A_PAGE) }, (_, page) =>
    sentences.slice(page * SENTENCES_A_PAGE, (page + 1) * SENTENCES_A_PAGE),
  );
}
