import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { startCommand } from "../../../lib/exec/command.ts";

test("nothing that a program printed is lost to a reader that comes late", async () => {
  const command = startCommand(["echo", "all of it"], { signal: new AbortController().signal });
  await sleep(300);
  let text = "";
  for await (const chunk of command.stdout) text += String(chunk);
  await command.done;
  expect(text).toBe("all of it\n");
});

test("a program whose output is never read ends when its caller stops", async () => {
  const abort = new AbortController();
  const command = startCommand(["seq", "1000000"], { signal: abort.signal });
  await sleep(100);
  abort.abort(new Error("given up"));
  await expect(command.done).rejects.toThrow("given up");
});
