/** Names and sizes of a tree, by programs that every Unix has: they need a shell. */

/** Renames, removes, measures. All throw `E_REMOTE`. */
export interface Hands {
  /** Renames a directory to a name that is free. */
  rename(from: string, to: string): Promise<void>;
  /** Removes files and directories with all in them. */
  remove(paths: readonly string[]): Promise<void>;
  /** Removes a directory if nothing is in it. */
  removeEmpty(path: string): Promise<void>;
  /** Returns the bytes that the removal of directories frees, while others stay that may share files with them. */
  bytesOf(paths: readonly string[], staying: readonly string[]): Promise<number>;
  /** Returns the argument vector of a program that prints bytes of a file. */
  printRange(path: string, start: number, count: number): Promise<readonly string[]>;
}

/** Starts the programs: on this host, or by ssh. */
export interface Shell {
  /** Returns the argument vector that has words run as a command. */
  argv(words: readonly string[]): Promise<readonly string[]>;
  /** Runs words as a command and returns its output. */
  run(words: readonly string[]): Promise<string>;
}

/** Returns the hands of a shell. `at` returns the whole path of one in the tree. */
export function handsOf(shell: Shell, at: (path: string) => string): Hands {
  return {
    // Not `mv -n`: into a directory that exists it would move, and not every system has `-T`.
    rename: async (from, to) =>
      void (await shell.run(["sh", "-c", 'test ! -e "$2" && mv -- "$1" "$2"', "sh", at(from), at(to)])),
    remove: async (paths) => {
      if (paths.length > 0) await shell.run(["rm", "-rf", "--", ...paths.map(at)]);
    },
    removeEmpty: async (path) => void (await shell.run(["sh", "-c", 'rmdir -- "$1" 2>/dev/null || :', "sh", at(path)])),
    async bytesOf(paths, staying) {
      if (paths.length === 0) return 0;
      // du counts a file with several names once, for the first directory that has it.
      const lines = (await shell.run(["du", "-sk", "--", ...[...staying, ...paths].map(at)])).trimEnd().split("\n");
      return lines.slice(staying.length).reduce((sum, line) => sum + Number.parseInt(line, 10) * 1024, 0);
    },
    printRange: async (path, start, count) =>
      await shell.argv(["sh", "-c", `tail -c +${start + 1} -- "$1" | head -c ${count}`, "sh", at(path)]),
  };
}
