/** A site whose user wants the rights of the backup: what the site's own files name as a program never runs with them. */
import { execFileSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { runInProcess } from "../../support/commands/in-process.ts";
import { tempDirectory } from "../../support/temp.ts";

test.skipIf(process.getuid?.() !== 0).each(["nobody owns the checkout", "others may write to its settings"])(
  "programs that .git/config names do not run as root: %s",
  async (kind) => {
    const base = tempDirectory();
    chmodSync(base, 0o755);
    const mark = join(base, "mark");
    mkdirSync(mark);
    chmodSync(mark, 0o777);
    const program = join(base, "program.sh");
    writeFileSync(program, `#!/bin/sh\nid -u >> ${mark}/ran\ncat\n`);
    chmodSync(program, 0o755);
    const root = join(base, "site");
    mkdirSync(join(root, "images"), { recursive: true });
    writeFileSync(join(root, "images/a"), "a\n");
    const git = (...args: string[]): void => void execFileSync("git", ["-C", root, ...args], { stdio: "ignore" });
    git("init");
    writeFileSync(join(root, ".gitattributes"), "* filter=f\n");
    git("add", ".");
    git("-c", "user.name=x", "-c", "user.email=x@x", "commit", "-m", "x");
    git("config", "core.fsmonitor", program);
    git("config", "filter.f.clean", program);
    writeFileSync(join(root, "images/a"), "b\n");
    if (kind.startsWith("nobody")) execFileSync("chown", ["-R", "nobody", root]);
    else chmodSync(join(root, ".git/config"), 0o666);
    const config = join(base, "site.yaml");
    writeFileSync(config, `site: s\nroot: ${root}\ndest: ${base}/store\ntrees: [images]\ninfra: { repo: . }\n`);
    const { code } = await runInProcess("backup_all", ["--config", config], {
      env: { XDG_STATE_HOME: join(base, "state") },
    });
    expect([0, 3]).toContain(code);
    const ran = existsSync(join(mark, "ran")) ? readFileSync(join(mark, "ran"), "utf8").split("\n") : [];
    expect(ran).not.toContain("0");
  },
);
