/** Which tables hold users, and what belongs to them alone. */
import { describe, expect, test } from "vitest";
import type { Column, ForeignKey, Table } from "../../../../lib/portable/schema/tables.ts";
import { findUsers } from "../../../../lib/portable/schema/auth-tables.ts";

const column = (name: string): Column => ({
  name,
  kind: "text",
  native: "text",
  nullable: false,
  generated: false,
  hasDefault: false,
});
function table(name: string, columns: string, links: Readonly<Record<string, string>> = {}): Table {
  return {
    id: name,
    schema: null,
    name,
    columns: columns.split(" ").map(column),
    primaryKey: { name: "pk", columns: ["id"], primary: true, constraint: true, nullsNotDistinct: false },
    uniques: [],
    foreignKeys: Object.entries(links).map(([from, target]): ForeignKey => ({
      name: from,
      columns: [from],
      target,
      targetColumns: ["id"],
      deferrable: false,
    })),
    estimatedRows: 0,
    notes: [],
    triggers: [],
  };
}
const found = (...tables: readonly Table[]) =>
  findUsers({ tables } as unknown as Parameters<typeof findUsers>[0], ["app_member"]);

describe("findUsers", () => {
  const user = table("auth_user", "id username password");
  test("a login and a password, whatever they are called; or by the config", () => {
    const { users } = found(
      user,
      table("users", "id email encrypted_password"),
      table("wp_users", "id user_login user_pass"),
      table("app_member", "id card"),
      table("wifi", "id ssid password"),
      table("contact", "id email"),
    );
    expect(users.map(({ table: { id }, password }) => [id, password])).toEqual([
      ["auth_user", "password"],
      ["users", "encrypted_password"],
      ["wp_users", "user_pass"],
      ["app_member", null],
    ]);
  });

  test("join rows of a user are a membership; a profile and what a user wrote are not", () => {
    const { memberships, credentials } = found(
      user,
      table("auth_group", "id name"),
      table("auth_user_groups", "id user_id group_id", { user_id: "auth_user", group_id: "auth_group" }),
      table("auth_user_profile", "id user_id bio", { user_id: "auth_user" }),
      table("note", "id user_id", { user_id: "auth_user" }),
      table("authtoken_token", "key user_id", { user_id: "auth_user" }),
    );
    expect(memberships).toEqual(["auth_user_groups"]);
    expect(credentials).toEqual(["authtoken_token"]);
  });
});
