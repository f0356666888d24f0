/** Extended attributes and ACLs: kept in every kind of archive, restored by us and by hand, compared by a drill. */
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import {
  backUp,
  backup,
  faultsOf,
  metadataOf,
  rest,
  restoreByGuide,
  runBuilt,
  type Summary,
} from "../../support/runs/backup.ts";
import { makeSite, type TestSite } from "../../support/sites/site.ts";
import { suiteDirectory } from "../../support/temp.ts";
import { PYTHON } from "../../support/python.ts";

const directory = suiteDirectory("holdfast-xattrs-");
let site: TestSite;
let first: Summary;

/** Every attribute below a directory, as getfattr prints them, with names relative to it. */
const dumpOf = (root: string, mask = "^(user|security|system.posix_acl)"): string =>
  execFileSync("getfattr", ["-R", "-h", "-P", "-d", "-e", "hex", "-m", mask, "."], { cwd: root, encoding: "latin1" })
    .split("\n\n")
    .toSorted()
    .join("\n\n");
const setfattr = (...args: string[]): void => void execFileSync("setfattr", ["-h", ...args]);
const setfacl = (...args: string[]): void => void execFileSync("setfacl", args);

beforeAll(async () => {
  site = makeSite(directory, { config: { trees: "trees: [notes]" } });
  const at = (path: string): string => join(site.root, path);
  site.write("clara_content/Project_1/texts/new\nline = \\é", "awkward");
  site.write("notes/a/note.txt", "a tree by itself");
  site.write("clara_content/Project_1/program", "#!/bin/sh\n");
  site.write(`clara_content/Project_1/texts/${"n".repeat(250)}`, "long");
  const raw = Buffer.concat([Buffer.from(at("clara_content/Project_1/raw-")), Buffer.from([0xff, 0xe9])]);
  writeFileSync(raw, "not UTF-8");
  execFileSync(PYTHON, [
    "-c",
    "import os,sys; os.setxattr(os.fsencode(sys.argv[1]) + b'\\xff\\xe9', 'user.raw', b'1')",
    at("clara_content/Project_1/raw-"),
  ]);
  setfattr("-n", "user.comment", "-v", "of an awkward name", at("clara_content/Project_1/texts/new\nline = \\é"));
  setfattr("-n", "user.we ird=%na\\me", "-v", "0x0a003d", at("clara_content/Project_1/texts/text 1.txt"));
  setfattr("-n", "user.empty", at("clara_content/Project_1/texts/text 1.txt"));
  setfattr("-n", "user.long", "-v", "v".repeat(3000), at(`clara_content/Project_1/texts/${"n".repeat(250)}`));
  execFileSync("setcap", ["cap_net_raw+ep", at("clara_content/Project_1/program")]);
  setfattr("-n", "security.selinux", "-v", "system_u:object_r:httpd_sys_content_t:s0", at("clara_content/Project_1"));
  setfattr("-n", "user.root", "-v", "of the tree's top", at("clara_content/Project_1"));
  setfacl("-d", "-m", "g:33:rwx", at("clara_content/Project_1/texts"));
  setfacl("-m", "u:12345:r", at("clara_content/Project_1/texts/text 2.txt"));
  setfattr("-n", "user.page", "-v", "rewritten in the bundle", at("clara_compiled/1/page_1.html"));
  setfattr("-n", "user.old", "-v", "book", at("lara_legacy/Old_book/page_1.html"));
  setfattr("-n", "user.sound", "-v", "=%", at("audio/tts_repository_orm/google/french/voice_1/default_1.mp3"));
  setfacl("-m", "u:12345:rw,m::rw", at("audio/tts_repository_orm/google/french/voice_0"));
  setfattr("-n", "user.picture", "-v", "0x00ff0a", at("images/image_repository_orm/shared/paper.png"));
  setfacl("-d", "-m", "u:12345:r", at("images/image_repository_orm"));
  setfattr("-n", "user.template", "-v", "1", at("notes"));
  setfattr("-n", "trusted.overlay.opaque", "-v", "y", at("images/image_repository_orm/shared"));
  await rest();
  first = await backUp(site);
}, 60_000);

test("a run records how many entries have some, and says which kinds it does not keep", async () => {
  expect(faultsOf(first.path)).toEqual([]);
  expect(metadataOf(first.path, "source_exports/1")).toMatchObject({
    xattrs: 8,
    companions: ["source_exports/1/source.xattrs.jsonl"],
  });
  expect(metadataOf(first.path, "source_exports/2")["xattrs"]).toBeUndefined();
  expect(metadataOf(first.path, "snapshots/full_media_tree").warnings).toEqual([
    "extended attributes that are not kept: trusted.overlay.opaque",
  ]);
  const { code } = await runInProcess("verify", ["--deep", "--dest", site.dest]);
  expect(code).toBe(0);
});

test("GNU tar and setfattr bring them back by the commands of RESTORE.md", () => {
  const to = join(directory, "by hand");
  expect(readFileSync(join(first.path, "RESTORE.md"), "utf8")).toMatch(
    /tar --xattrs --xattrs-include='\*' --acls -xzpf/,
  );
  restoreByGuide(first.path, to);
  for (const tree of ["clara_content", "clara_compiled", "lara_legacy", "audio", "images", "notes"])
    expect(dumpOf(join(to, tree)), tree).toBe(dumpOf(join(site.root, tree)));
});

test("a restore brings them back, and getcap and getfacl find them", async () => {
  const to = join(directory, "restored");
  const { code, stdout, stderr } = await runInProcess("restore", ["--to", to, "--dest", site.dest]);
  expect(code, stdout + stderr).toBe(0);
  expect(dumpOf(to)).toBe(dumpOf(site.root));
  expect(execFileSync("getcap", [join(to, "clara_content/Project_1/program")], { encoding: "utf8" })).toMatch(
    /cap_net_raw=ep/,
  );
  expect(
    execFileSync("getfacl", ["-pn", join(to, "clara_content/Project_1/texts/text 2.txt")], { encoding: "utf8" }),
  ).toMatch(/user:12345:r--/);
});

test("one file is restored with its own", async () => {
  const to = join(directory, "one file");
  const file = "clara_content/Project_1/texts/text 1.txt";
  const { code, stdout, stderr } = await runInProcess("restore", ["--path", file, "--to", to, "--dest", site.dest]);
  expect(code, stdout + stderr).toBe(0);
  expect(dumpOf(to)).toContain("user.empty");
});

test("a drill compares them, and fails where they do not come back", async () => {
  const drill = async (PATH?: string) =>
    await runBuilt("drill", ["--config", site.config, "--dest", site.dest, "--json"], {
      env: PATH === undefined ? {} : { PATH },
    });
  const good = await drill();
  expect(good.code, good.stdout).toBe(0);
  const programs = join(directory, "bin");
  mkdirSync(programs);
  writeFileSync(join(programs, "setfattr"), "#!/bin/sh\ncat >/dev/null\n");
  chmodSync(join(programs, "setfattr"), 0o755);
  const bad = await drill(`${programs}:${process.env["PATH"] ?? ""}`);
  expect(bad.code).not.toBe(0);
  expect(bad.stdout).toMatch(/other extended attributes|content digest/);
});

test("verify --live names the files whose attributes are others now", async () => {
  const live = async (): Promise<string> =>
    (await runInProcess("verify", ["--live", "--config", site.config, "--dest", site.dest])).stdout;
  expect(await live()).not.toMatch(/extended attributes/);
  const changed = "clara_content/Project_1/texts/text 3.txt";
  setfattr("-n", "user.since", "-v", "1", join(site.root, changed));
  expect(await live()).toMatch(/text 3\.txt: has other extended attributes/);
  setfattr("-x", "user.since", join(site.root, changed));
});

test("a change of an attribute alone is a change", async () => {
  setfattr("-n", "user.comment", "-v", "another", join(site.root, "clara_content/Project_2/texts/text 1.txt"));
  await rest();
  const { steps, path } = await backUp(site);
  expect(steps["source_exports"]).toMatchObject({ reused: 1 });
  expect(metadataOf(path, "source_exports/2")).toMatchObject({ xattrs: 1 });
  expect(metadataOf(path, "source_exports/3")).toMatchObject({ built_in: first.run });
  expect(faultsOf(path)).toEqual([]);
});

test("a host without getfattr says so once", async () => {
  const programs = join(directory, "without");
  mkdirSync(programs);
  writeFileSync(join(programs, "getfattr"), "#!/bin/sh\nexit 127\n");
  chmodSync(join(programs, "getfattr"), 0o755);
  const { code, notes } = await backup(site, ["--existing", "overwrite"], {
    env: { PATH: `${programs}:${process.env["PATH"] ?? ""}` },
  });
  expect(code).toBe(0);
  expect(notes.match(/extended attributes and ACLs are not kept: .*install the package attr/g)).toHaveLength(1);
});
