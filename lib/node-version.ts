/**
 * Ends the process with one line where this Node is too old. Scripts import it first and everything else dynamically:
 * an old Node already fails to parse some of the packages.
 */
const OLDEST = [20, 19] as const;

const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1])) {
  process.stderr.write(
    `error: Holdfast needs Node ${OLDEST.join(".")} or later, and this is ${process.versions.node}\n` +
      "hint: install a newer one: https://nodejs.org/en/download\n",
  );
  // oxlint-disable-next-line unicorn/no-process-exit -- nothing has begun, and what follows cannot be parsed
  process.exit(14);
}
