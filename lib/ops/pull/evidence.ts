/** Pulls the evidence of another host's store: what is here stays as it is. */
import { existsSync, mkdirSync } from "node:fs";
import path from "node:path";
import { listItems } from "../../targets/rsync/listing.ts";
import type { Place } from "../../targets/rsync/place/interface.ts";
import { transfer, type TransferContext } from "../../targets/rsync/transfer.ts";

/** Journals are of the host that writes them: this store has its own. */
const FILTERS = ["--exclude=*.jsonl", "--include=/evidence/", "--include=/evidence/**", "--exclude=*"];
const OPTIONS = ["--times", "--omit-dir-times", "--no-links", "--no-D", "--ignore-existing", "--chmod=D750,F640"];

/** Receives the files of evidence that are not here; returns how many. Throws `E_REMOTE`. */
export async function pullEvidence(place: Place, store: string, context: TransferContext): Promise<number> {
  const items = (await listItems(place, "", FILTERS, context)) ?? [];
  const files = items
    .filter((item) => item.change.startsWith(">f") && item.path.startsWith("evidence/"))
    .map((item) => item.path)
    .filter((file) => !existsSync(path.join(store, file)));
  if (files.length === 0) return 0;
  mkdirSync(path.join(store, "evidence"), { recursive: true, mode: 0o750 });
  await transfer(
    place,
    { options: OPTIONS, operands: [place.operand(""), `${store}/`], files, receives: true },
    context,
  );
  return files.length;
}
