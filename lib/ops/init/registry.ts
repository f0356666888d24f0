/** The applications that `init` detects, in the order in which they are tried. */
import type { Application, Found } from "./sources/application.ts";
import { compose } from "./applications/compose/detect.ts";
import { django } from "./applications/django.ts";
import { mediawiki } from "./applications/mediawiki.ts";
import { nextcloud } from "./applications/nextcloud.ts";
import { plain } from "./applications/plain.ts";
import { redmine } from "./applications/redmine.ts";
import { wordpress } from "./applications/wordpress.ts";

const APPLICATIONS: readonly Application[] = [wordpress, mediawiki, nextcloud, redmine, django, compose];

/** Detects the application in a directory; another one there is reported among the undetermined points. */
export function detectApplication(directory: string): { readonly name: string; readonly found: Found } {
  const matches = APPLICATIONS.flatMap(({ name, detect }) => {
    const found = detect(directory);
    return found === undefined ? [] : [{ name, found }];
  });
  const [first = { name: plain.name, found: plain.detect(directory) }, ...others] = matches;
  const unknown = others.map(({ name }) => `what belongs to ${name} in the same directory`);
  return { name: first.name, found: { ...first.found, unknown: [...first.found.unknown, ...unknown] } };
}
