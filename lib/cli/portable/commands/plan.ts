/** `portable plan`: shows what an export would hold. */
import { EXIT } from "../../../errors.ts";
import { planDatabase } from "../../../portable/plan/database.ts";
import { defineCommand } from "../../core/command.ts";
import { configOf, withConnection } from "../database.ts";
import { COMPONENT, DATABASE, SET, TABLES } from "../options.ts";
import { selectionOf } from "../plan-request.ts";
import { showPlan } from "../report.ts";
import { SET_CONFLICTS } from "../table-set.ts";

export const plan = defineCommand({
  forms: ["[--database URL]"],
  description: "Shows the tables that an export holds, the key of each, and what is left out. Nothing is written.",
  positionals: {},
  options: { ...DATABASE, ...TABLES, component: COMPONENT, set: SET },
  rules: { conflicts: SET_CONFLICTS },
  run: async (flags, frame) =>
    await withConnection(flags, "read", frame, async (connection) => {
      const generic = configOf(flags)?.portable?.generic;
      showPlan(await planDatabase(connection, selectionOf(flags), generic), flags);
      return EXIT.ok;
    }),
});
