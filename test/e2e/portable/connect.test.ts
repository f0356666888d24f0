/** How portable data finds a server and its password: by the clients' own files, as dumps do; what it cannot follow is refused. */
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { runBuilt } from "../../support/runs/backup.ts";
import { acquireMariadb, acquirePostgres, type TestServer } from "../../support/servers/acquire.ts";
import { makeTemp, removeTree } from "../../support/temp.ts";

/** What an option file and a password file have to write in their own ways. */
const PASSWORD = String.raw`it's "a" se:cr#et\pass`;

let directory: string;
let mariadb: TestServer;
let postgres: TestServer;
let count = 0;
beforeAll(async () => {
  directory = makeTemp("holdfast-portable-connect-");
  [mariadb, postgres] = await Promise.all([acquireMariadb(), acquirePostgres()]);
  const quoted = PASSWORD.replaceAll("'", "''");
  await mariadb.sql(
    `create table book (code varchar(9) not null primary key); alter user clara@localhost identified by '${quoted.replaceAll("\\", "\\\\")}'; alter user clara@'127.0.0.1' identified by '${quoted.replaceAll("\\", "\\\\")}'`,
  );
  await postgres.sql(
    `create table book (code varchar(9) not null primary key); alter table book owner to clara; alter role clara password '${quoted}'`,
  );
}, 120_000);
afterAll(async () => {
  await Promise.all([mariadb.release(), postgres.release()]);
  removeTree(directory);
});

/** A home with these files in it. */
function home(files: Readonly<Record<string, string>>, mode = 0o600): string {
  const place = join(directory, `home-${++count}`);
  mkdirSync(place);
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(place, name), text);
    chmodSync(join(place, name), mode);
  }
  return place;
}

async function plan(url: string, HOME: string, env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { code, stdout, stderr } = await runBuilt("portable", ["plan", "--database", url, "--json"], {
    env: { PGPASSWORD: undefined, MYSQL_PWD: undefined, ...env, HOME },
  });
  expect(stdout + stderr).not.toMatch(/se:cr|Deprecat/);
  if (code === 0) return stdout.includes("book") ? "found" : stdout;
  const { error_code, message } = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Record<string, string>;
  return `${code} ${error_code} ${message}`;
}

describe("MariaDB by ~/.my.cnf", () => {
  const password = `password = "${PASSWORD.replaceAll(/[\\"]/g, "\\$&")}" # of clara`;
  const where = (): string => `host=127.0.0.1\nport=${mariadb.port}\n`;

  test("user, password, host and port, where the URL says nothing of them", async () => {
    const own = home({
      ".my.cnf": `[mysqld]\nuser=mysql\n[client]\nuser=clara\n${password}\n${where()}[mysql]\nuser=other\n`,
    });
    expect(await plan("mariadb:///clara", own)).toBe("found");
    expect(await plan(`mariadb://clara@127.0.0.1:${mariadb.port}/clara`, own)).toBe("found");
    expect(await plan("mariadb://nobody@/clara", own)).toMatch(/^1 E_DATABASE .*'nobody'/);
    expect(await plan("mariadb://127.0.0.1:1/clara", own)).toMatch(/^1 E_DATABASE /);
  });

  test("a socket, and files that it includes", async () => {
    const own = home({
      ".my.cnf": "!include more.cnf\n[client]\nuser = 'clara'\n",
      "more.cnf": `[client]\nuser=other\n${password}\nsocket=${join(mariadb.directory, "mariadb.sock")}\n`,
    });
    expect(await plan("mariadb://localhost/clara", own)).toBe("found");
  });

  test("a password that is given counts more; a file that all may write to counts for nothing", async () => {
    const own = home({ ".my.cnf": `[client]\nuser=clara\npassword=wrong\n${where()}` });
    expect(await plan("mariadb:///clara", own)).toMatch(/^1 E_DATABASE .*Access denied/);
    expect(await plan(`mariadb://clara:${encodeURIComponent(PASSWORD)}@/clara`, own)).toBe("found");
    const open = home({ ".my.cnf": `[client]\nuser=clara\n${password}\n${where()}` }, 0o666);
    expect(await plan(`mariadb://clara@127.0.0.1:${mariadb.port}/clara`, open)).toMatch(
      /^1 E_DATABASE .*Access denied/,
    );
  });

  test("TLS to another host is refused", async () => {
    const own = home({ ".my.cnf": `[client]\n${password}\nssl_ca=/etc/ssl/ca.pem\n` });
    expect(await plan("mariadb://clara@db.example.org/clara", own)).toMatch(/^2 E_USAGE .*TLS \(ssl-ca\)/);
  });
});

describe("PostgreSQL", () => {
  const url = (): string => `postgresql://clara@127.0.0.1:${postgres.port}/clara`;
  const line = (at: string): string => `# all\n\\:odd:*:*:*:x\n${at}:${PASSWORD.replaceAll(/[\\:]/g, "\\$&")}\n`;

  test("takes the password from ~/.pgpass, or the file of PGPASSFILE", async () => {
    const at = `127.0.0.1:${postgres.port}:*:clara`;
    expect(await plan(url(), home({ ".pgpass": line(at) }))).toBe("found");
    const other = home({ passwords: line(`*:*:clara:*`) });
    expect(await plan(url(), other, { PGPASSFILE: join(other, "passwords") })).toBe("found");
    expect(await plan(url(), home({ ".pgpass": `*:*:*:*:wrong\n${line(at)}` }))).toMatch(/^1 E_DATABASE /);
    expect(await plan(url(), home({ ".pgpass": line("127.0.0.1:1:*:clara") }))).toMatch(/^1 E_DATABASE /);
    expect(await plan(url(), home({ ".pgpass": line(at) }, 0o644))).toMatch(/^1 E_DATABASE /);
  });

  test.each([
    ["postgresql://clara@one.example.org:5432,two.example.org:5432/clara", /several hosts/],
    ["postgresql://clara@/clara?host=one.example.org,two.example.org", /several hosts/],
    ["postgresql:///clara?service=shop", /parameter service/],
    ["postgresql://clara@localhost/clara?passfile=/tmp/x", /parameter passfile/],
    ["postgresql://clara@localhost/clara?target_session_attrs=read-write", /parameter target_session_attrs/],
  ])("what leads elsewhere than a dump would go is refused: %s", async (given, message) => {
    const said = await plan(given.replace("clara@", `clara:${encodeURIComponent(PASSWORD)}@`), home({}));
    expect(said).toMatch(/^2 E_USAGE /);
    expect(said).toMatch(message);
  });

  test("so is a service of the environment where the URL names no host", async () => {
    expect(await plan("postgresql:///clara", home({}), { PGSERVICE: "shop" })).toMatch(/^2 E_USAGE PGSERVICE/);
  });
});
