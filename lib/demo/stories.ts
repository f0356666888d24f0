/** The texts that the demo projects hold, written for it. */

export type TextType = "normal" | "phonetic" | "questionnaire";

export interface Story {
  readonly title: string;
  /** The language of the text, and the one its reader knows. */
  readonly l2: string;
  readonly l1: string;
  readonly owner: string;
  /** What has been compiled; empty while its author still writes. */
  readonly textTypes: readonly TextType[];
  /** Each sentence, words between spaces, with its translation. */
  readonly sentences: readonly (readonly [text: string, translation: string])[];
}

export const STORIES: readonly Story[] = [
  {
    title: "Un matin au marché",
    l2: "french",
    l1: "english",
    owner: "anna",
    textTypes: ["normal", "phonetic", "questionnaire"],
    sentences: [
      ["Le marché ouvre à six heures.", "The market opens at six."],
      ["Claire achète trois pommes et du pain.", "Claire buys three apples and some bread."],
      [
        "« Il fait froid, dit le marchand, mais le soleil arrive. »",
        "“It is cold,” says the trader, “but the sun is coming.”",
      ],
      ["Un chien dort sous la table.", "A dog sleeps under the table."],
      ["Claire rentre à la maison avec son panier.", "Claire goes home with her basket."],
      ["Le pain est encore chaud.", "The bread is still warm."],
    ],
  },
  {
    title: "La gita al lago",
    l2: "italian",
    l1: "english",
    owner: "marco",
    textTypes: ["normal", "phonetic"],
    sentences: [
      ["Domenica andiamo al lago.", "On Sunday we go to the lake."],
      ["Il treno parte alle otto.", "The train leaves at eight."],
      ["Mia sorella porta la chitarra.", "My sister brings the guitar."],
      ["L'acqua è chiara e fredda.", "The water is clear and cold."],
      ["La sera torniamo stanchi e contenti.", "In the evening we come back tired and happy."],
    ],
  },
  {
    title: "Der verlorene Handschuh",
    l2: "german",
    l1: "english",
    owner: "anna",
    textTypes: ["normal"],
    sentences: [
      ["Es schneit seit gestern.", "It has been snowing since yesterday."],
      ["Paul sucht seinen linken Handschuh.", "Paul is looking for his left glove."],
      ["Er sucht unter dem Bett und hinter der Tür.", "He looks under the bed and behind the door."],
      ["Der Handschuh liegt draußen im Schnee.", "The glove lies outside in the snow."],
      ["Eine Maus wohnt jetzt darin.", "A mouse lives in it now."],
    ],
  },
  {
    title: "Kötturinn á þakinu",
    l2: "icelandic",
    l1: "english",
    owner: "birna",
    textTypes: ["normal", "phonetic", "questionnaire"],
    sentences: [
      ["Kötturinn situr á þakinu.", "The cat sits on the roof."],
      ["Hann horfir á fuglana.", "He watches the birds."],
      ["Fuglarnir horfa ekki á hann.", "The birds do not watch him."],
      ["Það rignir, en kötturinn fer ekki inn.", "It rains, but the cat does not go in."],
    ],
  },
  {
    title: "The Lighthouse Keeper",
    l2: "english",
    l1: "french",
    owner: "marco",
    textTypes: ["normal", "questionnaire"],
    sentences: [
      ["The keeper lights the lamp at dusk.", "Le gardien allume la lampe au crépuscule."],
      ["Ships pass far away, small as toys.", "Des bateaux passent au loin, petits comme des jouets."],
      ["He writes their names in a book.", "Il écrit leurs noms dans un livre."],
      ["One night, no ship comes.", "Une nuit, aucun bateau ne vient."],
      ["The keeper writes: calm sea, many stars.", "Le gardien écrit : mer calme, beaucoup d'étoiles."],
    ],
  },
  {
    title: "雨の日の散歩",
    l2: "japanese",
    l1: "english",
    owner: "birna",
    textTypes: ["normal"],
    sentences: [
      ["今日 は 雨 です。", "Today it is raining."],
      ["わたし は 赤い 傘 を 持ちます。", "I take a red umbrella."],
      ["公園 に だれも いません。", "There is nobody in the park."],
      ["雨 の 音 が きれい です。", "The sound of the rain is beautiful."],
    ],
  },
  {
    title: "El gato del faro",
    l2: "spanish",
    l1: "english",
    owner: "anna",
    textTypes: [],
    sentences: [
      ["El faro tiene un gato.", "The lighthouse has a cat."],
      ["El gato tiene un secreto.", "The cat has a secret."],
    ],
  },
  {
    title: "Un été à Genève ☀️",
    l2: "french",
    l1: "german",
    owner: "marco",
    textTypes: ["normal", "phonetic"],
    sentences: [
      ["En été, le lac est bleu.", "Im Sommer ist der See blau."],
      ["Les enfants nagent près du pont.", "Die Kinder schwimmen bei der Brücke."],
      ["Une glace coûte quatre francs.", "Ein Eis kostet vier Franken."],
      ["Le soir, les montagnes deviennent roses.", "Am Abend werden die Berge rosa."],
    ],
  },
];

/** The words of a sentence without its punctuation. */
export function wordsOf(sentence: string): string[] {
  return sentence.split(/[\s«»“”.,:;!?。]+/u).filter((word) => word !== "");
}

/** A word letter by letter. */
export function spell(word: string, separator: string): string {
  return Array.from(word).join(separator);
}
