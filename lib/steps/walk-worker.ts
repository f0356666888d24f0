/** The worker thread that walks trees for planning: nothing of a site is opened in it. */
import { fingerprintTree, type FingerprintRequest } from "../archive/build/fingerprint-tree.ts";
import { serveTasks } from "../archive/pool.ts";
import { planCompiledBundle, type BundleWalkRequest } from "./compiled/plan.ts";
import { layOutShards, type LayoutRequest } from "./layers/layout.ts";
import { linksIn, type LinkRequest } from "./trees/linked.ts";

type Task =
  | { readonly kind: "archive"; readonly request: FingerprintRequest }
  | { readonly kind: "bundle"; readonly request: BundleWalkRequest }
  | { readonly kind: "shards"; readonly request: LayoutRequest }
  | { readonly kind: "links"; readonly request: LinkRequest };

serveTasks<Task, unknown>(async ({ kind, request }) => {
  switch (kind) {
    case "archive":
      return fingerprintTree(request);
    case "bundle":
      return planCompiledBundle(request);
    case "shards":
      return layOutShards(request);
    case "links":
      return linksIn(request);
  }
});
