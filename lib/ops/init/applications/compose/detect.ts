/** Detects Docker Compose: databases by their images, volumes and bind mounts. */
import { statSync } from "node:fs";
import path from "node:path";
import type { Application, Found, FoundTree } from "../../sources/application.ts";
import { composeDatabase, engineOf } from "./database.ts";
import { composeSchema, type ComposeFile, type Service } from "./file.ts";
import { EnvFile } from "../../sources/env-file.ts";
import { isDirectory, isInside, readText, relativeTo } from "../../sources/files.ts";
import { parseYaml } from "../../sources/yaml-text.ts";

const FILES = ["compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml"];
const VOLUMES = "/var/lib/docker/volumes";
/** Paths of the host that containers commonly mount. */
const HOST = /^\/(?:(?:proc|sys|dev|run|var\/run)(?:\/|$)|tmp$|etc\/(?:localtime|timezone|passwd|group|hosts)$|$)/;

export const compose: Application = {
  name: "Docker Compose",
  detect: (directory) => {
    const file = FILES.map((name) => path.join(directory, name)).find((one) => readText(one) !== undefined);
    if (file === undefined) return undefined;
    const result = composeSchema.safeParse(parseYaml(readText(file) ?? ""));
    if (!result.success) return undefined;
    return installation(directory, file, result.data);
  },
};

function installation(directory: string, file: string, parsed: ComposeFile): Found {
  const env = new EnvFile(path.join(directory, ".env"));
  const project = normalized(env.get("COMPOSE_PROJECT_NAME") ?? parsed.name ?? path.basename(directory));
  const services = Object.entries(parsed.services);
  const servers = services.filter(([, service]) => engineOf(service) !== undefined);
  const [first, ...others] = servers;
  const found = first === undefined ? undefined : composeDatabase({ file, env, project, parsed }, ...first);
  const data = servers.flatMap(([, service]) => mountsOf(directory, env, service).map(({ source }) => source));
  const mounts = services
    .filter((one) => !servers.includes(one))
    .flatMap(([, service]) => mountsOf(directory, env, service));
  const unknown = [
    ...(found?.unknown ?? []),
    ...others.map(([name]) => `a config for the database of ${name}: exec_prefix serves one`),
  ];
  const trees = new Map<string, FoundTree>();
  for (const { source } of mounts) {
    if (data.includes(source)) continue;
    const isVolume = !source.startsWith("/");
    const place = isVolume ? path.join(VOLUMES, volumeName(project, parsed, source), "_data") : source;
    if (HOST.test(place) || place === directory || isInside(directory, place) || !isTree(place)) {
      if (isVolume)
        unknown.push(`the volume ${source}: ${place} is not visible from the host; add its directory under trees`);
      continue;
    }
    if (!isInside(place, directory)) trees.set(place, { name: treeNameOf(source), path: place });
  }
  const inner = data.filter((place) => isInside(place, directory)).map((place) => `/${relativeTo(directory, place)}/`);
  return {
    databases: found?.databases ?? [],
    trees: [...trees.values()],
    exclude: [...new Set(inner)],
    ...(found === undefined ? {} : { execPrefix: found.execPrefix }),
    secretFiles: [path.basename(file), ".env"].filter((name) => readText(path.join(directory, name)) !== undefined),
    unknown,
  };
}

/** Lists named volumes, and the absolute paths of bind mounts. */
function mountsOf(directory: string, env: EnvFile, { volumes = [] }: Service): { source: string }[] {
  return volumes.flatMap((volume) => {
    const [source = "", target] =
      typeof volume === "string" ? filled(volume, env).split(":") : [filled(volume.source ?? "", env), volume.target];
    if (source === "" || target === undefined || source.includes("${")) return [];
    return [{ source: /^[./~]/.test(source) ? path.resolve(directory, source) : source }];
  });
}

const filled = (value: string, env: EnvFile): string =>
  value.replaceAll(
    /\$\{(\w+)(?::?-([^}]*))?\}/g,
    (all, key: string, fallback?: string) => env.get(key) ?? fallback ?? all,
  );

const volumeName = (project: string, parsed: ComposeFile, volume: string): string =>
  parsed.volumes?.[volume]?.name ?? `${project}_${volume}`;

/** Returns the name of a project, as Compose derives it from a directory. */
const normalized = (name: string): string =>
  name
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, "")
    .replace(/^[_-]+/, "");

const treeNameOf = (source: string): string => source.replaceAll(/[^\w.-]+/g, "_").replace(/^[_.-]+/, "") || "mount";

function isTree(place: string): boolean {
  try {
    return isDirectory(place) || statSync(place).isFile();
  } catch {
    return false;
  }
}
