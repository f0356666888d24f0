import { execFileSync, spawn } from "node:child_process";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { text } from "node:stream/consumers";
import { pathToFileURL } from "node:url";
import { beforeEach, describe, expect, onTestFinished, test, vi } from "vitest";
import { openStore, type OpenOptions, type Store } from "../../../lib/store/open.ts";
import { lookUpStore, recordStore, stateDirectory } from "../../../lib/store/known-stores.ts";
import { tempDirectory } from "../../support/temp.ts";

const CREATE: OpenOptions = { create: true, newStore: false };
const READ: OpenOptions = { create: false, newStore: false };
const NEW: OpenOptions = { create: true, newStore: true };

let top: string;
let dest: string;
beforeEach(() => {
  top = tempDirectory();
  dest = path.join(top, "store");
  vi.stubEnv("XDG_STATE_HOME", path.join(top, "state"));
  vi.stubEnv("STATE_DIRECTORY", undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
});

const memory = (): string => path.join(top, "state/holdfast/stores.json");
const create = async (): Promise<Store> => await openStore(dest, "clara", CREATE);
const mode = (name: string): string => (lstatSync(path.join(dest, name)).mode & 0o777).toString(8);
const edit = (change: object): void => {
  const file = path.join(dest, "store.json");
  writeFileSync(file, JSON.stringify({ ...(JSON.parse(readFileSync(file, "utf8")) as object), ...change }));
};
/** Everything below the directory with its time, to see that nothing was touched. */
const listing = (): string => execFileSync("find", [dest, "-printf", "%p %T@ %C@ %m\n"]).toString();

describe("a new store", () => {
  test.each<[string, () => void]>([
    ["missing", () => {}],
    ["empty", () => mkdirSync(dest)],
    ["the root of a fresh disk", () => mkdirSync(path.join(dest, "lost+found"), { recursive: true })],
    [
      "left by a creation that was cut off",
      () => (
        mkdirSync(dest),
        writeFileSync(path.join(dest, ".store.json.0b5cdd8c-4a4f-4c7c-9d0e-52f26d1e0f6a.new"), "{")
      ),
    ],
  ])("is made where the directory is %s", async (_, make) => {
    make();
    const store = await create();
    expect(store).toMatchObject({ path: dest, site: "clara", warnings: [] });
    const document: unknown = JSON.parse(readFileSync(path.join(dest, "store.json"), "utf8"));
    expect(document).toEqual({
      format_version: "1.0.0",
      id: store.id,
      site: "clara",
      created_at: expect.stringMatching(/Z$/),
    });
    expect(store.id).toMatch(/^[0-9a-f-]{36}$/);
    expect(await openStore(dest, "clara", READ)).toEqual(store);
    expect(await create()).toEqual(store);
  });

  test("has its modes whatever the umask", async () => {
    const before = process.umask(0o077);
    onTestFinished(() => void process.umask(before));
    await create();
    expect([".", "store.json", ".tmp", "pins", "runs"].map(mode)).toEqual(["750", "640", "700", "750", "750"]);
    expect(readdirSync(dest).toSorted()).toEqual([".tmp", "pins", "runs", "store.json"]);
  });

  test("is mended when its making was cut off after the first write", async () => {
    const { id } = await create();
    for (const name of [".tmp", "pins", "runs"]) rmSync(path.join(dest, name), { recursive: true });
    expect((await create()).id).toBe(id);
    expect(readdirSync(dest).toSorted()).toEqual([".tmp", "pins", "runs", "store.json"]);
  });

  test("is not made by a command that only reads", async () => {
    await expect(openStore(dest, "clara", READ)).rejects.toMatchObject({ code: "E_STORE", exitCode: 10 });
    expect(existsSync(dest)).toBe(false);
    expect(existsSync(memory())).toBe(false);
  });

  test("is not made in a directory that holds something else", async () => {
    mkdirSync(dest);
    writeFileSync(path.join(dest, "thesis.odt"), "x");
    const before = listing();
    await expect(openStore(dest, "clara", NEW)).rejects.toMatchObject({
      code: "E_STORE",
      message: `${dest} is not empty and holds no store`,
    });
    expect(listing()).toBe(before);
  });

  test.each<[string, (place: string) => void, string]>([
    ["its parent is missing", () => (dest = path.join(top, "disk/store")), "cannot be created"],
    ["it is a file", (place) => writeFileSync(place, ""), "is not a directory"],
    ["it is a broken symlink", (place) => symlinkSync(path.join(top, "disk"), place), "broken symlink"],
    [
      "its parent is a file",
      () => (writeFileSync(path.join(top, "f"), ""), (dest = path.join(top, "f/store"))),
      "cannot be used",
    ],
  ])("is not made where %s", async (_, make, message) => {
    make(dest);
    await expect(openStore(dest, "clara", NEW)).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringContaining(message),
    });
    expect(existsSync(path.join(top, "disk"))).toBe(false);
  });

  test("two processes that make it at once end with one id", async () => {
    const program = `
      import { openStore } from ${JSON.stringify(pathToFileURL(path.resolve("lib/store/open.ts")).href)};
      const wait = Number(process.argv[2]) - Date.now();
      await new Promise((resolve) => setTimeout(resolve, wait));
      for (const dest of process.argv.slice(3)) console.log((await openStore(dest, "clara", { create: true, newStore: false })).id);`;
    const file = path.join(top, "open.mts");
    writeFileSync(file, program);
    const places = Array.from({ length: 20 }, (_, index) => path.join(top, `store-${index}`));
    const start = String(Date.now() + 2000);
    const run = async (): Promise<string> => {
      const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), file, start, ...places], {
        stdio: ["ignore", "pipe", "inherit"],
      });
      return await text(child.stdout);
    };
    const [one, ...others] = await Promise.all([run(), run(), run(), run()]);
    expect(one.trim().split("\n")).toHaveLength(places.length);
    for (const other of others) expect(other).toBe(one);
    for (const place of places) expect(readdirSync(place).toSorted()).toEqual([".tmp", "pins", "runs", "store.json"]);
    expect(Object.keys(JSON.parse(readFileSync(memory(), "utf8")).stores as object)).toHaveLength(places.length);
  });
});

describe("a store that is not the right one", () => {
  test("belongs to another site", async () => {
    await create();
    const before = listing();
    await expect(openStore(dest, "lara", NEW)).rejects.toMatchObject({
      code: "E_STORE",
      message: `the store at ${dest} belongs to the site clara, not to lara`,
    });
    expect(listing()).toBe(before);
  });

  test("is on another disk than the one that was here", async () => {
    const { id } = await create();
    edit({ id: "5e7d0f0c-0000-4000-8000-000000000000" });
    await expect(create()).rejects.toMatchObject({
      code: "E_STORE",
      message: expect.stringContaining(id),
      hint: expect.stringContaining("--new-store"),
    });
    await expect(openStore(dest, "clara", READ)).rejects.toMatchObject({ code: "E_STORE" });
    const adopted = await openStore(dest, "clara", NEW);
    expect(adopted.id).toBe("5e7d0f0c-0000-4000-8000-000000000000");
    expect(await create()).toEqual(adopted);
  });

  test("was made by a newer Holdfast", async () => {
    await create();
    edit({ format_version: "2.0.0" });
    await expect(create()).rejects.toMatchObject({ code: "E_VERSION", exitCode: 14 });
  });

  test("was made by a slightly newer Holdfast and opens", async () => {
    const { id } = await create();
    edit({ format_version: "1.7.0", colour: "blue" });
    expect((await create()).id).toBe(id);
  });

  test.each(["", "{", "[]", '{"format_version":"1.0.0","site":"clara"}'])("is damaged: %j", async (content) => {
    await create();
    writeFileSync(path.join(dest, "store.json"), content);
    await expect(openStore(dest, "clara", NEW)).rejects.toMatchObject({
      code: "E_STORE",
      message: `${dest}/store.json is damaged`,
    });
    expect(readFileSync(path.join(dest, "store.json"), "utf8")).toBe(content);
  });
});

describe("unmounted disk", () => {
  test("a store whose directory is gone is never made anew unless told", async () => {
    const { id } = await create();
    renameSync(dest, path.join(top, "away"));
    for (const options of [CREATE, READ]) {
      await expect(openStore(dest, "clara", options)).rejects.toMatchObject({
        code: "E_STORE",
        exitCode: 10,
        message: expect.stringMatching(
          new RegExp(`^the store ${id} that was at ${dest} on 20..-..-.. is not there: is its disk mounted\\?$`),
        ),
        hint: expect.stringContaining("--new-store"),
      });
    }
    expect(existsSync(dest)).toBe(false);
    mkdirSync(dest);
    await expect(create()).rejects.toMatchObject({ code: "E_STORE", message: expect.stringContaining(id) });
    expect(readdirSync(dest)).toEqual([]);
    writeFileSync(path.join(dest, "DISK-NOT-MOUNTED"), "");
    await expect(create()).rejects.toMatchObject({ code: "E_STORE", message: expect.stringContaining(id) });
    rmSync(dest, { recursive: true });

    const anew = await openStore(dest, "clara", NEW);
    expect(anew.id).not.toBe(id);
    expect(await create()).toEqual(anew);
  });

  test("the same store is known by any of its paths", async () => {
    const link = path.join(top, "link");
    mkdirSync(dest);
    symlinkSync(dest, link);
    const { id } = await openStore(`${link}/`, "clara", CREATE);
    rmSync(path.join(dest, "store.json"));
    await expect(create()).rejects.toMatchObject({ message: expect.stringContaining(id) });
  });

  test("a real mount that comes and goes", async () => {
    mkdirSync(dest);
    try {
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=1m", "none", dest], { stdio: "pipe" });
    } catch {
      // Not allowed to mount: the same seen from here is a directory that is empty again (the test above) and full again.
      const { id } = await create();
      renameSync(dest, path.join(top, "away"));
      mkdirSync(dest);
      await expect(create()).rejects.toMatchObject({ code: "E_STORE" });
      rmSync(dest, { recursive: true });
      renameSync(path.join(top, "away"), dest);
      expect((await create()).id).toBe(id);
      return;
    }
    const unmount = (): Buffer => execFileSync("umount", [dest]);
    const { id } = await create().catch((error: unknown) => {
      unmount();
      throw error;
    });
    const kept = readFileSync(path.join(dest, "store.json"));
    unmount();
    await expect(create()).rejects.toMatchObject({ code: "E_STORE", message: expect.stringContaining(id) });
    expect(readdirSync(dest)).toEqual([]);
    // The disk is back.
    writeFileSync(path.join(dest, "store.json"), kept);
    expect((await create()).id).toBe(id);
  });
});

describe("the memory", () => {
  const ids = (): unknown => JSON.parse(readFileSync(memory(), "utf8"));

  test("is written once a day, or when something changed", async () => {
    const { id } = await create();
    expect(ids()).toEqual({
      format_version: "1.0.0",
      stores: { [dest]: { id, site: "clara", seen_at: expect.any(String) } },
    });
    utimesSync(memory(), 1, 1);
    await create();
    expect(lstatSync(memory()).mtimeMs).toBe(1000);
    vi.setSystemTime(Date.now() + 25 * 60 * 60 * 1000);
    onTestFinished(() => void vi.useRealTimers());
    await create();
    expect(lstatSync(memory()).mtimeMs).not.toBe(1000);
  });

  test("that cannot be written is a warning", async () => {
    writeFileSync(path.join(top, "state"), "a file where the directory should be");
    const store = await create();
    expect(store.warnings).toEqual([
      expect.stringMatching(/stores\.json, by which an unmounted disk is noticed, cannot be written \(E[A-Z]+\)/),
    ]);
  });

  test("that is damaged is a warning, is kept, and lets no new store be made", async () => {
    const { id } = await create();
    writeFileSync(memory(), "{");
    expect(await create()).toMatchObject({ id, warnings: [expect.stringContaining("is damaged")] });
    expect(readFileSync(memory(), "utf8")).toBe("{");
    rmSync(dest, { recursive: true });
    await expect(create()).rejects.toMatchObject({ code: "E_STORE", hint: expect.stringContaining("--new-store") });
    expect(existsSync(dest)).toBe(false);
    expect((await openStore(dest, "clara", NEW)).warnings).toHaveLength(1);
  });

  test("keeps what several processes write at once", async () => {
    const names = Array.from({ length: 12 }, (_, index) => `/srv/store-${index}`);
    expect(await Promise.all(names.map((name) => recordStore(name, "id", "clara")))).toEqual(
      names.map(() => undefined),
    );
    for (const name of names) expect((await lookUpStore(name)).known?.id).toBe("id");
  });

  test("is where systemd, XDG or the user's home say", () => {
    expect(stateDirectory()).toBe(path.join(top, "state/holdfast"));
    vi.stubEnv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two");
    expect(stateDirectory()).toBe("/var/lib/one");
    vi.stubEnv("STATE_DIRECTORY", "");
    vi.stubEnv("XDG_STATE_HOME", "");
    const getuid = vi.spyOn(process, "getuid");
    onTestFinished(() => getuid.mockRestore());
    getuid.mockReturnValue(0);
    expect(stateDirectory()).toBe("/var/lib/holdfast");
    getuid.mockReturnValue(1000);
    vi.stubEnv("HOME", "/home/anna");
    expect(stateDirectory()).toBe("/home/anna/.local/state/holdfast");
  });
});

test("a store that cannot be read is not taken for none", async () => {
  await create();
  chmodSync(dest, 0o000);
  onTestFinished(() => chmodSync(dest, 0o700));
  const program = `
    import { openStore } from ${JSON.stringify(pathToFileURL(path.resolve("lib/store/open.ts")).href)};
    try { process.setegid?.(65534); process.seteuid?.(65534); } catch {}
    await openStore(${JSON.stringify(dest)}, "clara", { create: true, newStore: true }).catch((error) => console.log(error.code, error.message));`;
  const file = path.join(top, "open.mts");
  writeFileSync(file, program);
  chmodSync(top, 0o755);
  const said = execFileSync(process.execPath, ["--import", import.meta.resolve("tsx"), file]).toString();
  expect(said).toMatch(/^E_STORE .*(permission denied|EACCES)/);
});
