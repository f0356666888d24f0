/** The servers that drills start for themselves. */
import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { execa } from "execa";
import { describe, expect, test } from "vitest";
import { openSnapshot } from "../../lib/database/engines/open.ts";
import { mariadbServer } from "../../lib/database/mysql/private-server.ts";
import { postgresServer } from "../../lib/database/postgres/private-server.ts";
import { startPrivateServer } from "../../lib/database/access/private-server.ts";
import { tempDirectory } from "../support/temp.ts";

const signal = (): AbortSignal => new AbortController().signal;

/** A directory that other users can get through to what is theirs. */
async function reachable(): Promise<string> {
  const directory = tempDirectory();
  await execa("chmod", ["711", directory]);
  return directory;
}

async function processesIn(directory: string): Promise<string[]> {
  const { stdout } = await execa("ps", ["-eo", "user:20,args"]);
  return stdout.split("\n").filter((line) => line.includes(directory) && !line.includes("vitest"));
}

describe.each([
  { engine: "postgresql", program: postgresServer },
  { engine: "mariadb", program: mariadbServer },
] as const)("a private $engine server", ({ engine, program }) => {
  test("answers to its password only, is not root's, is closed to others, and leaves nothing", async () => {
    const directory = await reachable();
    const server = await startPrivateServer(program, { directory, signal: signal() });
    try {
      const snapshot = await openSnapshot(server.target, signal());
      expect(await snapshot.query("select 1 as one")).toEqual([{ one: 1 }]);
      await snapshot.close();
      const wrong = { ...server.target, password: "wrong" };
      await expect(openSnapshot(wrong, signal())).rejects.toMatchObject({ code: "E_DATABASE" });
      const [made = ""] = readdirSync(directory);
      expect(statSync(join(directory, made)).mode & 0o777).toBe(0o700);
      const running = await processesIn(join(directory, made));
      expect(running.length).toBeGreaterThan(0);
      expect(running.filter((line) => line.startsWith("root "))).toEqual([]);
      expect(running.join("\n")).not.toContain(server.password);
    } finally {
      await server.stop();
    }
    expect(readdirSync(directory)).toEqual([]);
    expect(await processesIn(directory)).toEqual([]);
  });

  test("is started elsewhere when its user cannot reach the directory", async () => {
    const directory = tempDirectory();
    const server = await startPrivateServer(program, { directory, signal: signal() });
    expect(readdirSync(directory)).toEqual([]);
    await server.stop();
  });

  test("is gone when the work is called off", async () => {
    const directory = await reachable();
    const controller = new AbortController();
    const server = await startPrivateServer(program, { directory, signal: controller.signal });
    controller.abort();
    await server.stop();
    expect(readdirSync(directory)).toEqual([]);
  });

  test("ends with its process, also when that is killed outright", async () => {
    const directory = await reachable();
    const script = `
      const { startPrivateServer } = await import(${JSON.stringify(join(import.meta.dirname, "../../lib/database/access/private-server.ts"))});
      const { databaseEngine } = await import(${JSON.stringify(join(import.meta.dirname, "../../lib/database/engines/registry.ts"))});
      await startPrivateServer(databaseEngine(${JSON.stringify(engine)}).server, { directory: ${JSON.stringify(directory)}, signal: new AbortController().signal });
      console.log("ready");
      setInterval(() => {}, 1000);`;
    const child = execa("node", ["--import", "tsx", "--input-type=module", "-e", script], { reject: false });
    await Promise.race([new Promise((resolve) => child.stdout.once("data", resolve)), child]);
    const [made = ""] = readdirSync(directory);
    child.kill("SIGKILL");
    await child;
    await expect.poll(async () => await processesIn(join(directory, made)), { timeout: 20_000 }).toEqual([]);
    const next = await startPrivateServer(program, { directory, signal: signal() });
    expect(readdirSync(directory)).not.toContain(made);
    await next.stop();
  });
});
