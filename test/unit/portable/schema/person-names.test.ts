/** Names of columns that hold users. */
import { expect, test } from "vitest";
import { namesPerson } from "../../../../lib/portable/schema/person-names.ts";

test.each(
  "post_author user_id userid USERID author_id owner ownerId OwnerID created_by createdBy created_by_id CreatedByID updated_by assigned_to_id default_assigned_to_id assignedTo rev_actor link_owner wl_user ipb_by last_editor_id uploader uid postauthor".split(
    " ",
  ),
)("%s holds one", (name) => {
  expect(namesPerson(name)).toBe(true);
});

test.each(
  "id post_id user_count browser_id factor scale_factor guid by to sort_by order_by reply_to link_to gender_id rating parent authored_at".split(
    " ",
  ),
)("%s does not", (name) => {
  expect(namesPerson(name)).toBe(false);
});
