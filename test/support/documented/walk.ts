/** Goes through a page of the documentation in a world of its own as a reader would: saves its files and runs its commands, in their order. */
import { cpSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { acquirePostgres, type TestServer } from "../servers/acquire.ts";
import { readPage, type DocumentedScript, type DocumentedStep } from "./pages.ts";
import { HOSTS, SCENES, type Scene } from "./scenes.ts";
import { loadSiteDatabase } from "./site.ts";
import { World, type ScriptResult } from "./world.ts";

/** The time where a script names no other: the morning after the run of which the pages speak. */
const MORNING = "2026-11-20T10:15:00Z";

export type Ended = (script: DocumentedScript, result: ScriptResult) => void;

/** Runs the steps of a page in `directory`, which is empty; `ended` is called with the outcome of each script. */
export async function walkPage(
  page: string,
  steps: readonly DocumentedStep[],
  { site, directory }: { readonly site: string; readonly directory: string },
  ended: Ended,
): Promise<void> {
  const world = new World(directory);
  const host = HOSTS[page] ?? {};
  const server = host.withoutSite === true ? undefined : await addSite(world, site);
  try {
    for (const [name, lines] of Object.entries(host.configs ?? { clara: [] })) {
      const blocks = [blockWith("README.md", "site: clara"), ...lines.map((line) => blockWith(page, line))];
      world.write(`etc/holdfast/${name}.yaml`, stringify(Object.assign({}, ...blocks.map((block) => parse(block)))));
    }
    await prepare(world, host.commands ?? []);
    for (const step of steps) {
      if (step.kind === "file") world.write(`opt/holdfast/${step.path}`, step.text);
      else ended(step, await play(world, step));
    }
  } finally {
    await server?.release();
  }
}

/** Puts the site into a world, and starts its database server. */
async function addSite(world: World, site: string): Promise<TestServer> {
  cpSync(site, world.path("srv/clara"), { recursive: true, preserveTimestamps: true, verbatimSymlinks: true });
  cpSync(join(site, "db.sqlite3"), world.path("opt/.world/db.sqlite3"));
  world.write("etc/nginx/sites-available/clara", "server { server_name clara.example; }\n");
  const server = await acquirePostgres();
  await loadSiteDatabase(server, site);
  world.setEnvironment({ PGPORT: `${server.port}` });
  world.write("root/.pgpass", `localhost:*:*:clara:${server.password}\n`, 0o600);
  world.write("etc/holdfast/db_password", `${server.password}\n`, 0o600);
  return server;
}

/** The YAML block of a page that has a line which begins like this. */
function blockWith(page: string, start: string): string {
  const blocks = readPage(page).matchAll(/^```yaml\n(.*?)^```$/gms);
  const block = [...blocks].find(([, text = ""]) => `\n${text}`.includes(`\n${start}`))?.[1];
  if (block === undefined) throw new Error(`${page} has no YAML with the line ${start}`);
  return block;
}

export const isOf = (scene: Scene, script: DocumentedScript): boolean =>
  scene.page === script.page && script.commands[0]?.startsWith(scene.script) === true;

/** Runs a script of the page, with what its scene has happen before and after it. */
async function play(world: World, script: DocumentedScript): Promise<ScriptResult> {
  const scene = SCENES.find((one) => isOf(one, script));
  await prepare(world, scene?.before ?? []);
  const result = await world.run(script.commands, {
    clock: scene?.clock ?? namedTime(script) ?? MORNING,
    env: scene?.env ?? {},
  });
  await prepare(world, scene?.after ?? []);
  return result;
}

/** The time at which an export that the script names was made. */
function namedTime({ commands }: DocumentedScript): string | undefined {
  const [, ...parts] = /export_(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)/.exec(commands.join("\n")) ?? [];
  const [year, month, day, hour, minute, second] = parts;
  return parts.length === 0 ? undefined : `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** Runs commands of this test. Throws where one fails. */
async function prepare(world: World, commands: readonly string[]): Promise<void> {
  if (commands.length === 0) return;
  const env = { PGHOST: "localhost", PGUSER: "clara" };
  const { failed, output } = await world.run(commands, { clock: MORNING, env });
  if (failed !== undefined) throw new Error(`preparing: ${failed}\n${output}`);
}
