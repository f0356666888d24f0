/** The config's `ignore`: globs of paths that no backup needs. */
import picomatch from "picomatch";

/**
 * Returns a test of paths, relative to the root or absolute. A glob without a slash matches at any depth; one that
 * begins with a slash matches absolute paths, and relative ones from the root.
 */
export function ignoreMatcher(ignore: readonly string[]): (name: string) => boolean {
  const matchers = ignore.map((pattern) => {
    const trimmed = pattern.replace(/\/+$/, "").replace(/^\.\//, "");
    const relative = trimmed.replace(/^\/+/, "");
    const options = { dot: true, ...(trimmed.includes("/") ? {} : { basename: true }) };
    return { absolute: picomatch(trimmed, options), relative: picomatch(relative, options) };
  });
  return (name) => matchers.some(({ absolute, relative }) => (name.startsWith("/") ? absolute(name) : relative(name)));
}
