import { describe, expect, test } from "vitest";
import { splitPassword, urlWithDatabase } from "../../../../lib/database/access/url.ts";
import { describeUrl } from "../../../../lib/database/engines/registry.ts";

describe("splitPassword", () => {
  test.each([
    ["postgresql://clara:secret@db/clara", "postgresql://clara@db/clara", "secret"],
    [
      "postgres://clara:p%40ss%2Fword@db:5432/clara?sslmode=require",
      "postgres://clara@db:5432/clara?sslmode=require",
      "p@ss/word",
    ],
    ["postgresql://clara:a:b@db/clara", "postgresql://clara@db/clara", "a:b"],
    ["postgresql://clara:a@b@db/clara", "postgresql://clara@db/clara", "a@b"],
    [
      "postgresql:///clara?host=/run&password=se%20cret&user=clara",
      "postgresql:///clara?host=/run&user=clara",
      "se cret",
    ],
    ["mysql://clara:100%@db/clara", "mysql://clara@db/clara", "100%"],
    ["mariadb://:secret@db/clara", "mariadb://@db/clara", "secret"],
  ])("%s", (url, clean, password) => {
    expect(splitPassword(url)).toEqual({ url: clean, password });
  });

  test.each([
    "postgresql://clara@db/clara",
    "postgresql://db:5432/clara",
    "postgresql://h1:5432,h2:5433/clara?target_session_attrs=any",
    "postgresql://[::1]:5432/clara",
    "postgresql:///clara",
    "sqlite:///a:b@c.db",
    "sqlite:////srv/password=x.db",
  ])("%s has none and stays as it is", (url) => {
    expect(splitPassword(url)).toEqual({ url });
  });

  test.each([
    "postgresql://clara:xy/zzy@db/clara",
    "postgresql://clara:xy?zzy@db/clara",
    "mysql://clara:xy#zzy@db/clara",
    "postgresql://clara:12/34@db/clara",
    "postgresql://clara@db/clara?sslpassword=xyzzy",
    "mysql://db/clara?passwd=xyzzy",
  ])("passwords in ps: %s is refused, and the message does not show it", (url) => {
    let message = "";
    try {
      splitPassword(url);
    } catch (error) {
      expect(error).toMatchObject({ code: "E_CONFIG" });
      message = String(error);
    }
    expect(message).not.toBe("");
    expect(message).not.toMatch(/zzy|12|34/);
  });
});

describe("describeUrl", () => {
  test.each([
    [
      "postgresql://clara@db/cl%20ara?sslmode=require",
      { engine: "postgresql", database: "cl ara", url: "postgresql://clara@db/cl%20ara?sslmode=require" },
    ],
    ["postgres://db", { engine: "postgresql", database: "", url: "postgres://db" }],
    [
      "mysql://cl%40ra@db:3307/clara",
      { engine: "mysql", host: "db", port: "3307", socket: undefined, user: "cl@ra", database: "clara" },
    ],
    [
      "mariadb://localhost/a%2Fb?socket=/run/m.sock",
      {
        engine: "mariadb",
        host: "localhost",
        port: undefined,
        socket: "/run/m.sock",
        user: undefined,
        database: "a/b",
      },
    ],
    [
      "mysql://u@[::1]:3306/x",
      { engine: "mysql", host: "::1", port: "3306", socket: undefined, user: "u", database: "x" },
    ],
    ["sqlite:///var/site.db", { engine: "sqlite", path: "var/site.db", absolute: false, database: "site.db" }],
    [
      "sqlite:////srv/with space & é.db",
      { engine: "sqlite", path: "/srv/with space & é.db", absolute: true, database: "with space & é.db" },
    ],
  ])("%s", (url, wanted) => {
    expect(describeUrl(url)).toEqual(wanted);
  });

  test("never gives a password back", () => {
    expect(JSON.stringify(describeUrl("postgresql://clara:secret@db/clara"))).not.toContain("secret");
    expect(JSON.stringify(describeUrl("mysql://clara:secret@db/clara"))).not.toContain("secret");
  });

  test.each(["oracle://db/x", "clara", "mysql://db", "mysql://db/x?charset=utf8", "sqlite://", "sqlite:///"])(
    "%s is refused",
    (url) => {
      expect(() => describeUrl(url)).toThrow(expect.objectContaining({ code: "E_CONFIG" }));
    },
  );
});

test.each([
  ["postgresql://clara@db:5432/clara", "postgresql://clara@db:5432/x%20y"],
  ["postgresql://clara@/clara?host=/run/postgresql", "postgresql://clara@/x%20y?host=/run/postgresql"],
  ["postgresql:///?host=/run&dbname=clara&port=5433", "postgresql:///x%20y?host=/run&port=5433"],
  ["postgresql://h1,h2:5433", "postgresql://h1,h2:5433/x%20y"],
  ["mariadb://root@localhost/clara?socket=/run/s.sock", "mariadb://root@localhost/x%20y?socket=/run/s.sock"],
])("another database beside %s", (url, other) => {
  expect(urlWithDatabase(url, "x y")).toBe(other);
});
