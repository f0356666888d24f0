/** Packs the sources as they are and installs the tarball, with what it needs and nothing else, offline. */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, symlinkSync } from "node:fs";
import { dirname, join, relative } from "node:path";
import { PROJECT } from "../commands/run.ts";

/** The environment of the installed program. */
export type PackageEnvironment = Readonly<Record<string, string>>;

/** Packs and installs below `directory`; returns the directory in which the package is installed. */
export function installPackage(directory: string, env: PackageEnvironment): string {
  const [source, packed, elsewhere] = ["source", "packed", "elsewhere"].map((name) => join(directory, name)) as [
    string,
    string,
    string,
  ];
  for (const path of [packed, elsewhere]) mkdirSync(path);
  const git = ["ls-files", "-z", "--cached", "--others", "--exclude-standard"];
  const files = execFileSync("git", git, { cwd: PROJECT, encoding: "utf8" }).split("\0");
  for (const file of files.filter((one) => !one.startsWith("test/") && existsSync(join(PROJECT, one)) && one !== "")) {
    mkdirSync(dirname(join(source, file)), { recursive: true });
    cpSync(join(PROJECT, file), join(source, file));
  }
  symlinkSync(join(PROJECT, "node_modules"), join(source, "node_modules"));
  const quiet = { stdio: "pipe", env: { ...process.env, ...env } } as const;
  // `prepare` builds, as for a release.
  execFileSync("npm", ["pack", "--pack-destination", packed], { ...quiet, cwd: source });
  const [tarball = ""] = readdirSync(packed);
  if (!/^holdfast-\d.*\.tgz$/.test(tarball)) throw new Error(`npm pack made ${tarball}`);
  for (const name of installedForUse()) cpSync(join(PROJECT, name), join(elsewhere, name), { recursive: true });
  // Offline: what package.json does not name would be missing.
  const install = ["install", "--offline", "--ignore-scripts", "--no-audit", "--no-fund", join(packed, tarball)];
  execFileSync("npm", install, { ...quiet, cwd: elsewhere });
  return elsewhere;
}

/** The packages that package.json names for use and what these need, as this checkout has them: nothing is downloaded. */
function installedForUse(): string[] {
  const list = ["ls", "--omit=dev", "--all", "--parseable"];
  const [, ...paths] = execFileSync("npm", list, { cwd: PROJECT, encoding: "utf8" }).trim().split("\n");
  const names = paths.map((path) => relative(PROJECT, path)).toSorted();
  return names.filter((name) => !names.some((outer) => name.startsWith(`${outer}/`)));
}
