/** Which tables hang together. */
import { expect, test } from "vitest";
import { findComponents } from "../../../../lib/portable/schema/components.ts";
import { portableSchema, type TerseTable } from "../../../support/portable/schema.ts";

const ID: TerseTable = { columns: "id!", pk: "id" };
const to = (target: string): TerseTable => ({ columns: "id! x_id", pk: "id", fk: [["x_id", target]] });
const of = (tables: Readonly<Record<string, TerseTable>>, groups = {}): string[] =>
  findComponents(portableSchema(tables), groups).map(
    ({ name, tables: ids, needs, by }) =>
      `${name}: ${ids.join(" ")} (${by})${needs.length > 0 ? ` < ${needs.join(" ")}` : ""}`,
  );

test("what foreign keys connect is a component, named by its prefix", () => {
  expect(
    of({ blog_post: to("blog_author"), blog_author: ID, shop_item: to("shop_kind"), shop_kind: ID, loose: ID }),
  ).toEqual([
    "blog: blog_author blog_post (foreign keys)",
    "loose: loose (foreign keys)",
    "shop: shop_item shop_kind (foreign keys)",
  ]);
});

test("where everything hangs on one table, each app is a component that says what it needs", () => {
  expect(
    of({ auth_user: ID, auth_token: to("auth_user"), blog_post: to("auth_user"), blog_tag: to("blog_post") }),
  ).toEqual(["auth: auth_token auth_user (name)", "blog: blog_post blog_tag (name) < auth_user"]);
});

test("tables without a prefix that hang together stay together, under the one that most point to", () => {
  expect(of({ album: to("artist"), artist: to("artist"), track: to("album"), cover: to("album"), lone: ID })).toEqual([
    "album: album artist cover track (foreign keys)",
    "lone: lone (foreign keys)",
  ]);
  expect(of({ users: ID, notes: to("users"), blog_post: to("users"), blog_tag: to("blog_post") })).toEqual([
    "blog: blog_post blog_tag (name) < users",
    "users: notes users (name)",
  ]);
});

test("groups that have one prefix are one component, connected or not", () => {
  expect(of({ blog_post: ID, blog_tag: ID, blog: ID })).toEqual(["blog: blog blog_post blog_tag (name)"]);
});

test("several schemas part what foreign keys connect", () => {
  expect(of({ "sales.orders": to("people.users"), "people.users": ID })).toEqual([
    "people: people.users (name)",
    "sales: sales.orders (name) < people.users",
  ]);
});

test("the config's groups come first, and what they leave keeps a name of its own", () => {
  const tables = { blog_post: to("users"), blog_tag: ID, blog_view: ID, users: ID };
  expect(of(tables, { content: ["users", "blog_post"], blog: ["blog_tag"] })).toEqual([
    "content: blog_post users (config)",
    "blog: blog_tag (config)",
    "blog_view: blog_view (foreign keys)",
  ]);
  expect(of({ ...tables, blog_more: ID }, { blog: ["blog_tag"] })[1]).toBe(
    "blog-rest: blog_more blog_post blog_view (name) < users",
  );
});

test("a group of the config that names an unknown table, or one table of two groups, is an error", () => {
  expect(() => of({ users: ID }, { people: ["user"] })).toThrow(
    expect.objectContaining({ code: "E_CONFIG", hint: "did you mean users?" }),
  );
  expect(() => of({ users: ID }, { a: ["users"], b: ["users"] })).toThrow("the table users is in a and in b");
});
