/** A recovery kit brings a site back on a host without Holdfast, and refuses runs and identities that are not right. */
import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { builtScript } from "../../support/commands/build.ts";
import { runInProcess } from "../../support/commands/in-process.ts";
import { runOnTerminal, type Answer } from "../../support/commands/on-terminal.ts";
import { compareTrees } from "../../support/compare.ts";
import { BareHost } from "../../support/runs/bare-host.ts";
import { backUp, type Summary } from "../../support/runs/backup.ts";
import { ageIdentity, type Identity } from "../../support/sealed/identities.ts";
import { acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeSignedSite, type SignedSite } from "../../support/signing/keys.ts";
import { suiteDirectory } from "../../support/temp.ts";

const PASSPHRASE = "correct horse, battery staple";
const ASKED: Answer = ["Enter passphrase", PASSPHRASE];

/** Restores a run by a kit into a new directory of the host; returns what became of it, and the directory. */
async function restore(host: BareHost, kit: string, run: string, env: Record<string, string> = {}) {
  const to = join(kit, "..", `restored-${++count}`);
  const outside = `${to}-outside`;
  const script = join(kit, "restore.sh");
  const ended = await host.run(["bash", script, run, to, outside], { answers: [ASKED], env });
  expect(readdirSync(host.temporary)).toEqual([]);
  return { ...ended, to };
}
let count = 0;

const sealedTo = ({ recipient }: Identity): Record<string, string> => ({
  encryption: `encryption: { recipients: ["${recipient}"], metadata: names }`,
});

describe("a site with SQLite, sealed and signed", () => {
  const directory = suiteDirectory("holdfast-kit-");
  const kit = join(directory, "kit");
  let host: BareHost;
  let site: SignedSite;
  let older: Summary;
  let run: Summary;

  beforeAll(async () => {
    host = new BareHost(join(directory, "host"));
    const identity = ageIdentity(directory, "identity");
    site = makeSignedSite(directory, { config: sealedTo(identity) });
    older = await backUp(site);
    site.write("clara_content/Project_1/new.txt", "new\n");
    run = await backUp(site);
    const args = [kit, "--config", site.config, "--dest", site.dest, "--identity", identity.file];
    const made = await runOnTerminal(
      [process.execPath, builtScript("recovery_kit"), ...args],
      [ASKED, ["Confirm passphrase", PASSPHRASE], ASKED],
    );
    expect(made.code, made.output).toBe(0);
  });

  test("the host has neither Node nor the checkout", async () => {
    const looked = await host.run(["sh", "-c", 'command -v node npx; ls -A "$0"', join(directory, "../..")]);
    expect(looked.output).not.toContain("node");
    const { output } = await host.run(["ls", "-A", process.cwd()]);
    expect(output).toBe("");
  });

  test("comes back from the kit and the run alone", async () => {
    const moved = join(directory, "copied", run.run);
    cpSync(run.path, moved, { recursive: true, preserveTimestamps: true });
    renameSync(site.dest, `${site.dest}.gone`);
    const { code, output, to } = await restore(host, kit, moved).finally(() =>
      renameSync(`${site.dest}.gone`, site.dest),
    );
    expect(code, output).toBe(0);
    expect(output).toContain(`The run ${run.run} is restored`);
    // unzip gives links the time of now; a database is compared by its rows; the rest is in no step of this config.
    const ignore = (path: string): boolean =>
      /\/latest$|\.sqlite3$|^(?:app|audio|images|phonetic_\w+|prompt_templates|templates)(?:$|\/)/.test(path);
    expect(compareTrees(site.root, to, { ignore })).toEqual([]);
    expect(readlinkSync(join(to, "clara_content/Project_2/latest"))).toBe("texts");
    expect(readFileSync(join(to, "clara_content/Project_1/new.txt"), "utf8")).toBe("new\n");
    const titles = (root: string): string =>
      execFileSync("sqlite3", [join(root, "db.sqlite3"), "select id, title from clara_app_claraproject"], {
        encoding: "utf8",
      });
    expect(titles(to)).toBe(titles(site.root));
  });

  /** A copy of the run with something done to it. */
  function tampered(change: (run: string) => void, name = run.run): string {
    const copy = join(directory, `tampered-${++count}`, name);
    mkdirSync(copy, { recursive: true });
    execFileSync("cp", ["-a", `${run.path}/.`, copy]);
    change(copy);
    return copy;
  }
  const replace = (file: string, text: string | Uint8Array): void => {
    rmSync(file);
    writeFileSync(file, text);
  };
  const sumAgain = (copy: string): void => {
    const list =
      "find . -type f ! -name 'SHA256SUMS*' -printf '%P\\0' | sort -z | xargs -0 sha256sum >sums; mv sums SHA256SUMS";
    execFileSync("sh", ["-c", list], { cwd: copy });
  };
  const addCommand = (copy: string): void => {
    const guide = join(copy, "RESTORE.md");
    const text = readFileSync(guide, "utf8");
    replace(guide, `${text}\n\`\`\`bash\ntouch ${join(directory, "ran")}\n\`\`\`\n`);
  };

  test.each([
    [
      "a flipped byte",
      /source\.zip\.age: FAILED[^]*the run is damaged/,
      (copy: string) => {
        const file = join(copy, "source_exports/2/source.zip.age");
        const bytes = readFileSync(file);
        bytes[bytes.length - 9] = (bytes.at(-9) ?? 0) ^ 1;
        replace(file, bytes);
      },
    ],
    ["a command in RESTORE.md", /RESTORE\.md differs from SHA256SUMS/, addCommand],
    [
      "a command in RESTORE.md, with new sums",
      /the signature does not count/,
      (copy: string) => {
        addCommand(copy);
        sumAgain(copy);
      },
    ],
    ["a signature that is gone", /is not signed/, (copy: string) => rmSync(join(copy, "SHA256SUMS.sig"))],
    [
      "a signature of a stranger",
      /the signature does not count/,
      (copy: string) => {
        const key = join(directory, `stranger-${++count}`);
        execFileSync("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-f", key]);
        rmSync(join(copy, "SHA256SUMS.sig"));
        execFileSync("ssh-keygen", ["-Y", "sign", "-q", "-n", "holdfast-run", "-f", key, "SHA256SUMS"], {
          cwd: copy,
          stdio: "ignore",
        });
      },
    ],
    [
      "an older run under the name of a newer",
      /under the name of another/,
      (copy: string) => {
        rmSync(copy, { recursive: true });
        cpSync(older.path, copy, { recursive: true });
      },
    ],
    ["a run that is not whole", /it has no SHA256SUMS/, (copy: string) => rmSync(join(copy, "SHA256SUMS"))],
  ])("%s is refused, before anything is restored", async (_, said, change) => {
    const { code, output, to } = await restore(host, kit, tampered(change));
    expect(output).toMatch(said);
    expect(code).toBe(1);
    expect(existsSync(to) ? readdirSync(to) : []).toEqual([]);
    expect(existsSync(join(directory, "ran"))).toBe(false);
  });

  test("a wrong identity, a wrong passphrase and none are refused", async () => {
    const other = join(directory, "other kit");
    cpSync(kit, other, { recursive: true });
    rmSync(join(other, "identity.txt.age"));
    const none = await restore(host, other, run.path);
    expect(none.output).toMatch(/copy the identity that opens it/);
    const { file } = ageIdentity(directory, "wrong");
    cpSync(file, join(other, "identity.txt"));
    const wrong = await restore(host, other, run.path);
    expect(wrong.output).toMatch(/this identity does not open the run/);
    const to = join(directory, "not-made");
    const mistyped = await host.run(["bash", join(kit, "restore.sh"), run.path, to], {
      answers: [["Enter passphrase", "something else"]],
    });
    expect(mistyped.output).toMatch(/is the passphrase right/);
    expect([none, wrong, mistyped].map(({ code }) => code)).toEqual([1, 1, 1]);
    expect([none.to, wrong.to, to].flatMap((at) => readdirSync(at))).toEqual([]);
  });

  test.each([[], [""], ["a", "b", "c"]])("arguments that are too few or too many are refused: %j", async (...more) => {
    const { code, output } = await host.run(["bash", join(kit, "restore.sh"), run.path, ...more]);
    expect(code).toBe(1);
    expect(output).toMatch(/usage: restore\.sh RUN ROOT/);
  });

  test("a directory that is not empty is left as it is", async () => {
    const to = join(directory, "in use");
    mkdirSync(to);
    appendFileSync(join(to, "file"), "here\n");
    const { code, output } = await host.run(["bash", join(kit, "restore.sh"), run.path, to]);
    expect(code).toBe(1);
    expect(output).toMatch(/is not empty/);
    expect(readdirSync(to)).toEqual(["file"]);
  });
});

describe("a site with PostgreSQL, sealed and signed", () => {
  const directory = suiteDirectory("holdfast-kit-");
  let server: TestServer;

  beforeAll(async () => {
    server = await acquirePostgres();
  });
  afterAll(async () => {
    await server?.release();
  });

  test("comes back with its database", async () => {
    await server.sql(
      "set session authorization clara; create table page (id int primary key, title text); insert into page values (1, 'Été'), (2, 'x')",
    );
    const identity = ageIdentity(directory, "identity");
    writeFileSync(join(directory, "password"), server.password, { mode: 0o600 });
    const site = makeSignedSite(directory, {
      config: {
        ...sealedTo(identity),
        database: `database: { url: "${server.url}", password_file: "${join(directory, "password")}" }`,
        projects: "trees: [clara_content]",
      },
    });
    const run = await backUp(site);
    const kit = join(directory, "kit");
    const args = [kit, "--config", site.config, "--dest", site.dest, "--identity", identity.file, "--plain-identity"];
    const made = await runInProcess("recovery_kit", args);
    expect(made.code, made.stderr).toBe(0);
    expect(made.stderr).toMatch(/identity\.txt of the kit is not sealed/);

    await server.sql("drop database clara", "postgres");
    const host = new BareHost(join(directory, "host"));
    const [PGPORT, PGPASSWORD] = [String(server.port), server.superuserPassword];
    const restored = await restore(host, kit, run.path, {
      PGHOST: "127.0.0.1",
      PGPORT,
      PGUSER: "postgres",
      PGPASSWORD,
    });
    expect(restored.code, restored.output).toBe(0);
    expect(await server.sql("select id, title from page order by id", "clara")).toBe("1|Été\n2|x");
    expect(
      compareTrees(join(site.root, "clara_content"), join(restored.to, "clara_content"), {
        ignore: (path) => path.endsWith("/latest"),
      }),
    ).toEqual([]);
  });
});
