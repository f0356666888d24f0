/** Where a recovery kit says that backups lie. */
import { writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { loadConfig, type SiteConfig } from "../../../../lib/config/load.ts";
import { addressesOf } from "../../../../lib/ops/recovery-kit/addresses.ts";
import { tempDirectory } from "../../../support/temp.ts";

function config(): SiteConfig {
  const file = join(tempDirectory(), "site.yaml");
  writeFileSync(file, "site: wiki\nroot: /srv/wiki\n");
  return loadConfig(file, {});
}

test("the store is named with its host", () => {
  expect(addressesOf(config(), "/srv/backups")).toEqual([
    {
      place: `the store \`/srv/backups\` on the host \`${hostname()}\``,
      needs: "that host or its disk, and root on it",
    },
  ]);
});

test("targets follow, with the files of their credentials and without any credential", () => {
  const targets = {
    cellar: { kind: "rsync", host: "nas", user: "clara", port: 22, path: "/runs", key_file: "/etc/holdfast/nas_key" },
    cloud: { kind: "s3", bucket: "b", endpoint: "https://name:pass@s3.example", secret: "hidden", required: true },
  };
  const found = addressesOf({ ...config(), targets } as unknown as SiteConfig, "/srv/backups").slice(1);
  expect(found).toEqual([
    {
      place: "the target `cellar` (rsync): user `clara`, host `nas`, port `22`, path `/runs`",
      needs: "what was in `/etc/holdfast/nas_key` of that host",
    },
    {
      place: "the target `cloud` (s3): endpoint `https://s3.example`, bucket `b`",
      needs: "an account that may read it",
    },
  ]);
});
