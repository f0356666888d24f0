/** Every awkward input that CONTRIBUTING.md calls normal, planted in a tree. */
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";

/**
 * Plants them in `directory` (made when it is missing). Everything can be read by whoever plants it; `plantUnreadable` adds what cannot.
 * One FIFO is among them, which no archive takes.
 */
export function plantAwkward(directory: string): void {
  const at = (...parts: (string | Buffer)[]): Buffer =>
    Buffer.concat([
      Buffer.from(directory),
      ...parts.flatMap((part) => [Buffer.from("/"), typeof part === "string" ? Buffer.from(part) : part]),
    ]);
  const file = (name: string | Buffer, text = `content of ${name.toString()}\n`): Buffer => {
    writeFileSync(at(name), text);
    return at(name);
  };

  mkdirSync(directory, { recursive: true });
  for (const name of NAMES) file(name);
  for (const name of INVALID_UTF8) file(name);
  const invalid = Buffer.from("directory \xe9", "latin1");
  mkdirSync(at(invalid));
  writeFileSync(at(invalid, "inside"), "inside\n");

  mkdirSync(at("empty directory"));
  mkdirSync(at("deep", ...Array.from({ length: 40 }, (_, level) => `level ${level}`)), { recursive: true });
  writeFileSync(at("deep", ...Array.from({ length: 40 }, (_, level) => `level ${level}`), "bottom"), "bottom\n");
  file("empty file", "");

  symlinkSync("nothing here", at("dangling link"));
  symlinkSync("loop b", at("loop a"));
  symlinkSync("loop a", at("loop b"));
  symlinkSync(".", at("link to its own directory"));
  symlinkSync("/etc/hostname", at("absolute link"));
  symlinkSync("../../../../etc", at("link out of the tree"));
  symlinkSync(Buffer.from("target \xff", "latin1"), at("link to an invalid name"));
  symlinkSync("t".repeat(300), at("link with a long target"));

  linkSync(file("hard link 1"), at("hard link 2"));
  mkdirSync(at("elsewhere"));
  linkSync(at("hard link 1"), at("elsewhere", "hard link 3"));

  const sparse = openSync(at("sparse"), "w");
  writeSync(sparse, "start");
  ftruncateSync(sparse, 5_000_000);
  writeSync(sparse, "end", 4_000_000);
  closeSync(sparse);

  execFileSync("mkfifo", [`${directory}/fifo`]);

  chmodSync(file("setuid"), 0o4755);
  chmodSync(file("setgid"), 0o2750);
  chmodSync(file("not writable"), 0o400);
  mkdirSync(at("sticky"));
  chmodSync(at("sticky"), 0o1777);

  for (const [name, seconds] of Object.entries(TIMES)) setTime(file(name), seconds);
  setTime(at("dangling link"), "12345");
  setTime(at("empty directory"), "-86400");
}

/** A file and a directory that only root can read. */
export function plantUnreadable(directory: string): void {
  mkdirSync(`${directory}/closed directory`, { recursive: true });
  writeFileSync(`${directory}/closed directory/inside`, "inside\n");
  chmodSync(`${directory}/closed directory`, 0o000);
  writeFileSync(`${directory}/closed file`, "closed\n", { mode: 0o000 });
}

const NAMES = [
  "with spaces",
  " leading and trailing ",
  "new\nline",
  "tab\tand\rreturn",
  "-rf",
  "--help",
  "n".repeat(255),
  `${"é".repeat(127)}x`,
  "🎉 emoji 👩‍👩‍👧",
  "e\u0301 in two characters",
  "é in one character",
  "Case",
  "case",
  "back\\slash",
  "quote\"s and 'single'",
  "$HOME `id` $(id) ; & | > <",
  "*?[a-z]{b,c}",
  "%41 %2e%2e",
  "#hash ?query",
  "CON",
  "trailing dot.",
  "...",
  ".hidden",
  "~tilde",
  "metadata.json",
  "\u202Eright to left",
  "\u0001 control \u007F",
];

const INVALID_UTF8 = [
  "\xff\xfe",
  "latin1 caf\xe9",
  "cut short \xe2\x82",
  "overlong \xc0\xaf",
  "surrogate \xed\xa0\x80",
].map((name) => Buffer.from(name, "latin1"));

const TIMES = {
  "before 1970": "-863999.5",
  "before 1902": "-2147483648",
  "the epoch": "0",
  "before 1980": "157680000",
  "with nanoseconds": "1600000000.123456789",
  "odd second": "1600000001",
  "after 2038": "2200000000",
  "after 2107": "4400000000",
};

/** With `touch`: Node takes a number before 1970 for now. */
function setTime(path: Buffer, seconds: string): void {
  execFileSync("touch", ["--no-dereference", "--date", `@${seconds}`, "--", path.toString()]);
}
