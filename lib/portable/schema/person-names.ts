/** Recognizes columns that reference a user by name: `post_author`, `created_by`, `assigned_to_id`, `ownerId`. */

const PERSONS = new Set(
  (
    "user author owner creator editor modifier updater reviewer approver assignee assigner actor uploader submitter " +
    "reporter requester requestor poster commenter moderator sender recipient receiver watcher follower followee " +
    "subscriber contributor writer translator participant inviter invitee voter administrator admin member person uid"
  ).split(" "),
);
/** Matches words for persons that are joined with the word before, as in `postauthor`. */
const AT_THE_END = /(?:user|author|owner)$/;
/** Words before `by` that describe an order, not a person. */
const ORDERS = new Set(["sort", "sorted", "order", "ordered", "group", "grouped", "divided", "multiplied"]);

/** Checks whether a column's name says that it references a user. */
export function namesPerson(column: string): boolean {
  const words = column
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1_$2")
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter((word) => word !== "");
  if (words.length > 1 && /^(?:id|pk|fk|ref)$/.test(words.at(-1) ?? "")) words.pop();
  const last = words.at(-1) ?? "";
  const before = words.at(-2);
  if (last === "by" || last === "byid") return before !== undefined && !ORDERS.has(before);
  if (last === "to" || last === "toid") return before !== undefined && /(?:assigned|assign|delegated)$/.test(before);
  return [last, last.replace(/id$/, "")].some((one) => PERSONS.has(one) || AT_THE_END.test(one));
}
