import { defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/global.ts"],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Most tests wait for processes of their own: three at a time keep two cores busy, and no more than that.
    maxWorkers: 3,
    pool: "forks",
  },
});
