/** Which files of a tree are opened, as the kernel tells: inotify, by way of Python, since Node does not hear of it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { PYTHON } from "./python.ts";

const WATCH = `
import ctypes, os, signal, struct, sys
IN_OPEN, IN_ISDIR, IN_Q_OVERFLOW = 0x20, 0x40000000, 0x4000
libc = ctypes.CDLL(None, use_errno=True)
fd = libc.inotify_init()
names = {}
for directory, _, _ in os.walk(sys.argv[1].encode()):
    watch = libc.inotify_add_watch(fd, directory, IN_OPEN)
    if watch < 0: sys.exit(os.strerror(ctypes.get_errno()))
    names[watch] = directory
signal.signal(signal.SIGTERM, lambda *_: (libc.close(fd), sys.exit(0)))
print("watching", flush=True)
while True:
    data = os.read(fd, 1 << 20)
    at = 0
    while at < len(data):
        watch, mask, _, length = struct.unpack_from("iIII", data, at)
        name = data[at + 16 : at + 16 + length].rstrip(b"\\0")
        at += 16 + length
        if mask & IN_Q_OVERFLOW: print("too many events", flush=True)
        elif not mask & IN_ISDIR and name: print(os.path.join(names[watch], name).decode("utf8", "replace"), flush=True)
`;

/** Runs `work`, and gives the files below `root` that anybody opened meanwhile. */
export async function filesOpened(root: string, work: () => Promise<unknown>): Promise<string[]> {
  const watcher = spawn(PYTHON, ["-c", WATCH, root], { stdio: ["ignore", "pipe", "inherit"] });
  let said = "";
  watcher.stdout.setEncoding("utf8").on("data", (text: string) => (said += text));
  try {
    while (!said.includes("watching\n")) await once(watcher.stdout, "data");
    await work();
    await new Promise((resolve) => setTimeout(resolve, 200)); // what has been read of the queue is still on its way
  } finally {
    watcher.kill();
    await once(watcher, "close");
  }
  return [...new Set(said.split("\n").slice(1, -1))].toSorted();
}
