/** The applications that `init` knows, in the order in which they are tried. */
import type { Application, Found } from "./application.ts";
import { compose } from "./compose.ts";
import { django } from "./django.ts";
import { mediawiki } from "./mediawiki.ts";
import { nextcloud } from "./nextcloud.ts";
import { plain } from "./plain.ts";
import { redmine } from "./redmine.ts";
import { wordpress } from "./wordpress.ts";

const APPLICATIONS: readonly Application[] = [wordpress, mediawiki, nextcloud, redmine, django, compose];

/** Recognises the application in a directory; another one in the same directory is named among what is not known. */
export function detectApplication(directory: string): { readonly name: string; readonly found: Found } {
  const matches = APPLICATIONS.flatMap(({ name, detect }) => {
    const found = detect(directory);
    return found === undefined ? [] : [{ name, found }];
  });
  const [first = { name: plain.name, found: plain.detect(directory) }, ...others] = matches;
  const unknown = others.map(({ name }) => `what belongs to ${name} in the same directory`);
  return { name: first.name, found: { ...first.found, unknown: [...first.found.unknown, ...unknown] } };
}
