/** PostgreSQL for the portable engine. */
import type { PortableEngine } from "../../engine/interface.ts";
import { constraints } from "./constraints.ts";
import { dialect } from "./dialect.ts";
import { introspectPostgres } from "./introspect.ts";
import { large } from "./large-values.ts";
import { sequences } from "./sequences.ts";
import { paths } from "./tree-paths.ts";
import { values } from "./values.ts";

export const postgres: PortableEngine = {
  name: "postgresql",
  djangoBackend: "postgresql",
  values,
  dialect,
  paths,
  large,
  constraints,
  sequences,
  introspect: introspectPostgres,
  // Autovacuum does not analyze temporary tables.
  analyze: async (session, table) => void (await session.run(`analyze ${table}`)),
  hasOwners: false,
  missingAccounts: async () => [],
  normalizeLiterals: async (session, type, literals) => {
    const rows = await session.rows(
      `select format('%s', cast(word as ${type})) ` +
        "from unnest(cast(? as text[])) with ordinality as v (word, place) order by place",
      [textArray(literals)],
    );
    return rows.map(([text = null]) => text);
  },
};

/** Returns the literal of an array of texts. */
const textArray = (items: readonly string[]): string =>
  `{${items.map((item) => `"${item.replaceAll(/["\\]/g, String.raw`\$&`)}"`).join(",")}}`;
