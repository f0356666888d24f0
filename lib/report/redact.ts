/** Blanks out secrets in text that will be shown. */

/** `text` with every one of `secrets` replaced, and the password of any URL in it. */
export function redact(text: string, secrets: readonly string[] = []): string {
  let result = text.replace(/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:@/]*):[^\s@/]+@/gi, "$1:***@");
  for (const secret of secrets) if (secret !== "") result = result.replaceAll(secret, "***");
  return result;
}
