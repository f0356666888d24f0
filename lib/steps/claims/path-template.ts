/**
 * Path and argument templates with `{fields}` of a project's row, and finding on disk what a path template can mean.
 */
import { lstatSync, readdirSync, realpathSync, statSync } from "node:fs";
import path from "node:path";
import type { BytePath } from "../../archive/entry.ts";
import { fromString, join, toBuffer } from "../../archive/path.ts";
import { RESTORE_PREFIX } from "../../archive/tree/walk.ts";
import { HoldfastError, systemCode } from "../../errors.ts";
import type { Project } from "../../model/unit.ts";

const FIELD = /\{(\w+)\}/g;

/** Fills `{fields}`. Throws `E_PROJECTS` when the row has no such field or it is null. */
export function fillTemplate(template: string, fields: Readonly<Record<string, unknown>>): string {
  return template.replaceAll(FIELD, (_all, name: string) => {
    const value = fields[name];
    if (
      typeof value === "string" ||
      typeof value === "number" ||
      typeof value === "bigint" ||
      typeof value === "boolean"
    )
      return String(value);
    throw new HoldfastError("E_PROJECTS", `the row has no value for {${name}}`, {
      hint: "let projects.query return that column",
    });
  });
}

/** The part of a path template before its first segment with a field: the directory that holds all its projects. */
export function templateBase(template: string): string {
  const segments = template.split("/");
  const first = segments.findIndex((segment) => segment.includes("{"));
  return segments.slice(0, first === -1 ? segments.length : first).join("/");
}

/** Checks whether the trees of a template share one directory that belongs to projects, with strays and loose files. */
export const takesStrays = (template: string): boolean =>
  !template.slice(templateBase(template).length + 1).includes("/");

/**
 * Returns the absolute path of a project's tree. Throws `E_OUTSIDE` if a value of the row leads out of the directory of
 * the projects or to another project: `..`, an empty or absolute value, or, unless links are followed, a link out of
 * the site. Throws `E_MISSING` if the directory does not exist.
 */
export function resolveTree(root: string, template: string, project: Project, followLinks: boolean): BytePath {
  const base = templateBase(template);
  const text = fillTemplate(template.replace(/\/+$/, ""), project);
  const below = base === "" ? text : text.slice(base.length + 1);
  if (below.includes("\0") || below.split("/").some((segment) => ["", ".", ".."].includes(segment))) {
    throw new HoldfastError(
      "E_OUTSIDE",
      `${template} becomes ${JSON.stringify(text)}, which is not a directory of its own inside ${path.resolve(root, base)}`,
    );
  }
  const filled = path.resolve(root, text);
  const real = realOrMissing(filled);
  const isOutside = !isInside(realOrMissing(path.resolve(root, base)), real) && !isInside(realOrMissing(root), real);
  if (isOutside && !followLinks) {
    throw new HoldfastError("E_OUTSIDE", `${filled} is a symlink that points outside the site, to ${real}`, {
      hint: "set follow_links: true in the config to back up the targets of symlinks, or correct the row",
    });
  }
  if (!statSync(real).isDirectory()) throw new HoldfastError("E_MISSING", `${filled} is not a directory`);
  return fromString(filled);
}

const isInside = (directory: string, inner: string): boolean =>
  inner.startsWith(directory.endsWith("/") ? directory : `${directory}/`);

function realOrMissing(file: string): string {
  try {
    return realpathSync(file);
  } catch (error) {
    if (!["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP"].includes(systemCode(error) ?? "")) throw error;
    throw new HoldfastError("E_MISSING", `${file} does not exist`, { cause: error });
  }
}

/** An entry of the directory of a template's projects. */
export interface Found {
  readonly path: BytePath;
  /** The text that replaces the template's fields, as bytes: the name of an orphan. */
  readonly name: BytePath;
  readonly isDirectory: boolean;
}

/** Everything on disk that some row could mean by the template, sorted by byte. */
export function expandTemplate(root: string, template: string): Found[] {
  const base = templateBase(template);
  const segments = template
    .slice(base.length)
    .split("/")
    .filter((segment) => segment !== "");
  const start = path.resolve(root, base);
  if (statSync(start, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  let found: Found[] = [{ path: fromString(start), name: "", isDirectory: true }];
  for (const segment of segments) {
    found = found.filter((one) => one.isDirectory).flatMap((one) => step(one, segment));
  }
  return found;
}

function step(parent: Found, segment: string): Found[] {
  if (!segment.includes("{")) {
    const next = join(parent.path, fromString(segment));
    const stat = statSync(toBuffer(next), { throwIfNoEntry: false });
    return stat === undefined ? [] : [{ path: next, name: parent.name, isDirectory: stat.isDirectory() }];
  }
  const pattern = segmentPattern(segment);
  return readdirSync(toBuffer(parent.path), { encoding: "buffer" })
    .map((name) => name.toString("latin1"))
    .filter((name) => pattern.test(name) && !name.startsWith(RESTORE_PREFIX))
    .toSorted()
    .map((name) => {
      const next = join(parent.path, name);
      const stat = lstatSync(toBuffer(next), { throwIfNoEntry: false });
      const meaning = pattern.exec(name)?.slice(1).join("-") ?? name;
      return {
        path: next,
        name: parent.name === "" ? meaning : `${parent.name}/${meaning}`,
        isDirectory: stat?.isDirectory() ?? false,
      };
    });
}

/** A segment of a template as a pattern over byte names; each field is a group. */
export function segmentPattern(segment: string): RegExp {
  const fixed = segment.split(FIELD).filter((_part, index) => index % 2 === 0);
  return new RegExp(
    `^${fixed.map((part) => fromString(part).replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&")).join("(.+)")}$`,
    "s",
  );
}
