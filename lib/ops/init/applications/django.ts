/** Detects Django: manage.py, and the settings module that it names. */
import path from "node:path";
import type { Application, Found, FoundDatabase } from "../sources/application.ts";
import { EnvFile } from "../sources/env-file.ts";
import { isFile, readText, relativeTo, treeAt } from "../sources/files.ts";
import { PythonSettings } from "./python-settings.ts";
import { djangoDatabases } from "./django-databases.ts";

export const django: Application = {
  name: "Django",
  detect: (directory) => {
    const manage = readText(path.join(directory, "manage.py"));
    const [, module] = /DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']/.exec(manage ?? "") ?? [];
    if (module === undefined) return undefined;
    const place = path.join(directory, ...module.split("."));
    const file = [`${place}.py`, path.join(place, "__init__.py")].find(isFile);
    if (file === undefined) return missing(module);
    const env = new EnvFile(
      [directory, path.dirname(file)].map((one) => path.join(one, ".env")).find(isFile) ?? path.join(directory, ".env"),
    );
    const settings = new PythonSettings(file, env);
    const media = settings.path("MEDIA_ROOT");
    const { databases, unknown } = djangoDatabases(directory, settings, env);
    return {
      databases: firstOnce(databases),
      trees: media === undefined || media === "" ? [] : treeAt(directory, "media", media),
      secretFiles: [...settings.files, env.file].filter(isFile).map((one) => relativeTo(directory, one)),
      unknown: [
        ...unknown,
        ...(media === undefined && settings.has("MEDIA_ROOT")
          ? [`the uploads: ${file} computes MEDIA_ROOT; a directory outside of the root needs a line under trees`]
          : []),
      ],
    };
  },
};

const missing = (module: string): Found => ({
  databases: [],
  trees: [],
  secretFiles: [],
  unknown: [`the database and the uploads: the settings module ${module} is not a file`],
});

/** Merges aliases of the same database, such as a replica for tests. */
const firstOnce = (databases: readonly FoundDatabase[]): FoundDatabase[] =>
  databases.filter(({ url }, index) => databases.findIndex((one) => one.url === url) === index);
