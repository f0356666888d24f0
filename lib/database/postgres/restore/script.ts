/** The head of the script that pg_restore writes. */

const SETTING = /^SET ([a-z_]+) = /;
const SEARCH_PATH = "SELECT pg_catalog.set_config('search_path', '', false);";
/** Lines that may stand before the first object. */
const HEAD = /^(?:$|--|SET |SELECT pg_catalog\.set_config|\\restrict )/;

/**
 * Removes the settings of the head for which `drop` is true, such as `transaction_timeout` of a newer pg_restore, and
 * replaces the empty search path by `searchPath`, a list ready for SET. The rest passes unchanged: rows and functions
 * may contain the same words.
 */
export function editScript(drop: (setting: string) => boolean, searchPath: string | undefined) {
  return async function* (source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    let head: Buffer | undefined = Buffer.alloc(0);
    for await (const chunk of source) {
      if (head === undefined) {
        yield chunk;
        continue;
      }
      head = Buffer.concat([head, chunk]);
      for (let end = head.indexOf(10); end >= 0; end = head.indexOf(10)) {
        const line = head.toString("latin1", 0, end);
        if (!HEAD.test(line)) break;
        const setting = SETTING.exec(line)?.[1];
        if (searchPath !== undefined && line === SEARCH_PATH) yield Buffer.from(`SET search_path = ${searchPath};\n`);
        else if (setting === undefined || !drop(setting)) yield head.subarray(0, end + 1);
        head = head.subarray(end + 1);
      }
      if (!head.includes(10)) continue;
      yield head;
      head = undefined;
    }
    if (head !== undefined) yield head;
  };
}
