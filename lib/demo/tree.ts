/** Writes the files of the demo site. */
import { lutimesSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { below, seeded } from "./random.ts";

export class Tree {
  readonly root: string;

  constructor(root: string) {
    this.root = root;
  }

  path(...parts: string[]): string {
    return join(this.root, ...parts);
  }

  /** Writes a file below the root, with the directories that lead to it. */
  write(path: string, data: string | Uint8Array, mode = 0o644): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), data, { mode });
  }

  directory(path: string): void {
    mkdirSync(this.path(path), { recursive: true });
  }

  link(path: string, target: string): void {
    symlinkSync(target, this.path(path));
  }

  /**
   * Gives everything a time in the past that depends on its path alone: the same tree each time, and old enough to be
   * at rest.
   */
  settle(): void {
    settle(this.root, this.root);
  }
}

const FIRST_DAY = Date.UTC(2025, 8, 1) / 1000;
const DAYS = 300;

function settle(root: string, directory: string): void {
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) settle(root, path);
    else setTime(root, path);
  }
  setTime(root, directory);
}

function setTime(root: string, path: string): void {
  const time = FIRST_DAY + below(seeded(relative(root, path)), DAYS * 86_400);
  lutimesSync(path, time, time);
}
