/** Facts of the applications' schemas: the columns that hold ids of users and have no foreign key. */
import type { KnownReference, KnownReferences } from "../sources/application.ts";

type Known = Omit<KnownReferences, "prefix">;

/** Returns references to `target` from columns written as `table.column`; a `?` ends those of some versions only. */
const references = (target: readonly [string, ...string[]], columns: string): KnownReference[] =>
  columns.split(/\s+/).map((one) => {
    const [table = "", column = ""] = one.replace(/\?$/, "").split(".");
    return { table, column, target, ...(one.endsWith("?") && { optional: true }) };
  });

export const WORDPRESS_USERS: Known = {
  keys: { users: ["user_login"] },
  columns: references(["users"], "posts.post_author comments.user_id links.link_owner usermeta.user_id"),
};

/** Revisions and logs belong to actors, which are users or addresses. */
export const MEDIAWIKI_USERS: Known = {
  columns: [
    ...references(
      ["user", "mwuser"],
      "actor.actor_user watchlist.wl_user user_groups.ug_user user_former_groups.ufg_user " +
        "user_properties.up_user user_newtalk.user_id uploadstash.us_user filearchive.fa_deleted_user? " +
        "ipblocks.ipb_user? block_target.bt_user? page_restrictions.pr_user?",
    ),
    ...references(
      ["actor"],
      "revision.rev_actor archive.ar_actor logging.log_actor recentchanges.rc_actor image.img_actor " +
        "oldimage.oi_actor filearchive.fa_actor ipblocks.ipb_by_actor? block.bl_by_actor? " +
        "revision_actor_temp.revactor_actor? filerevision.fr_actor? cu_changes.cuc_actor? cu_log.cul_actor?",
    ),
  ],
};

/** Groups and the anonymous user are rows of users too, without a login. */
export const REDMINE_USERS: Known = {
  keys: { users: ["login", "lastname"] },
  columns: references(
    ["users"],
    "attachments.author_id changesets.user_id comments.author_id email_addresses.user_id groups_users.group_id " +
      "groups_users.user_id imports.user_id issue_categories.assigned_to_id issues.author_id issues.assigned_to_id " +
      "journals.user_id members.user_id messages.author_id news.author_id queries.user_id time_entries.user_id " +
      "tokens.user_id user_preferences.user_id watchers.user_id wiki_content_versions.author_id " +
      "wiki_contents.author_id projects.default_assigned_to_id? time_entries.author_id? journals.updated_by_id? " +
      "reactions.user_id? webhooks.user_id?",
  ),
};
