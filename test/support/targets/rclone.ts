/** A remote of rclone that is a directory of this host. */
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { rcloneTargetSchema } from "../../../lib/config/settings/targets/rclone.ts";
import type { TargetFixture } from "./fixture.ts";
import { digestsBelow } from "./trees.ts";

export async function rcloneFixture(directory: string): Promise<TargetFixture> {
  const there = join(directory, "there");
  mkdirSync(there);
  const [config, password] = [join(directory, "rclone.conf"), join(directory, "password")];
  writeFileSync(config, "[cellar]\ntype = local\n");
  writeFileSync(password, "a password\n");
  return await Promise.resolve({
    settings: rcloneTargetSchema.parse({
      kind: "rclone",
      remote: `cellar:${there}`,
      config_file: config,
      password_file: password,
    }),
    hasVersions: false,
    promises: { can_read: true, can_list: true, can_delete: true, checksum_sha256: false, object_lock: null },
    placeOf: ({ run, path, sha256, isArtifact }) =>
      isArtifact ? `objects/${sha256.slice(0, 2)}/${sha256}` : `runs/${run}/${path}`,
    digests: async () => await Promise.resolve(digestsBelow(there)),
    write: async (place, content) => {
      mkdirSync(dirname(join(there, place)), { recursive: true });
      writeFileSync(join(there, place), content);
      await Promise.resolve();
    },
    remove: async (place) => await Promise.resolve(rmSync(join(there, place))),
    close: async () => {},
  });
}
