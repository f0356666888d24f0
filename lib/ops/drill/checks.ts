/** Checks of a drill, from what it chose and compared. */
import { formatBytes } from "../../report/format.ts";
import { count } from "../checks/check.ts";
import { checkOf, type DrillCheck } from "../checks/drill-check.ts";
import type { Changes } from "./changed.ts";
import type { RestoredTree } from "./trees.ts";

/** Returns the check that says which units were left out. */
export function unchangedCheck({ proved, since }: Changes): DrillCheck {
  const bytes = proved.reduce((sum, { size_bytes }) => sum + size_bytes, 0);
  const how = since === null ? "" : `, ${formatBytes(bytes)}, proved since ${since.toISOString().slice(0, 10)}`;
  return checkOf("unchanged", `${count(proved.length, "unit")} left out${how}`);
}

/** Returns the check of the restored trees. */
export function treesCheck(trees: readonly RestoredTree[]): DrillCheck {
  const sum = (pick: (tree: RestoredTree) => number): number => trees.reduce((total, tree) => total + pick(tree), 0);
  const unproved = trees.filter(({ proved }) => !proved).length;
  const figure = [
    count(trees.length, "tree"),
    count(
      sum(({ files }) => files),
      "file",
    ),
    `${formatBytes(sum(({ bytes }) => bytes))} read back`,
    ...(unproved > 0 ? [`${unproved} without a recorded digest`] : []),
  ].join(", ");
  const problems = trees.flatMap(({ label, difference }) =>
    difference === null ? [] : [{ path: label, message: difference }],
  );
  return checkOf("trees", figure, problems, unproved > 0 ? "not proved" : "ok");
}
