/**
 * Bundles the commands for in-process.ts, as a function of `require`, `process`, `console` and the file's path. The steps of a
 * backup run in the same process, where scripts/backup_all.ts starts one for each.
 */
import path from "node:path";
import { build } from "esbuild";

const [, , out = ""] = process.argv;
const root = path.resolve(import.meta.dirname, "../../..");

await build({
  absWorkingDir: root,
  bundle: true,
  platform: "node",
  target: "node20",
  format: "cjs",
  external: ["pino", "@aws-sdk/client-s3", "hpagent"],
  logLevel: "warning",
  logOverride: { "empty-import-meta": "silent" },
  stdin: {
    resolveDir: root,
    loader: "ts",
    contents: `export { STEP_COMMANDS } from "./lib/cli/backup/steps.ts";
      export { COMMANDS } from "./lib/cli/commands.ts";
      export { runHoldfast, runScript } from "./lib/cli/run.ts";`,
  },
  outfile: path.join(out, "in-process.cjs"),
  define: { "import.meta.url": "ownUrl" },
  banner: {
    js: `(function (require, process, console, file) {
      const module = {}; const ownUrl = require("node:url").pathToFileURL(file).href;`,
  },
  footer: { js: "return module.exports; })" },
  plugins: [
    {
      name: "steps-in-process",
      setup({ onLoad }) {
        onLoad({ filter: /\/lib\/ops\/backup\/build\/builders\.ts$/ }, () => ({
          resolveDir: path.join(root, "lib/ops/backup/build"),
          loader: "ts",
          contents: `
            import { LocalBuilder } from "../../../steps/core/local-builder.ts";
            const here = (context) => (step, of) => new LocalBuilder(step, { ...context, ...of });
            export { here as inProcesses, here as inThisProcess };`,
        }));
      },
    },
  ],
});
