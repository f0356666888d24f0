import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most tests start processes of their own; two at a time keep a two-core machine honest.
    maxWorkers: 2,
    pool: "forks",
  },
});
