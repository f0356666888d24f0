/** Runs one task in a pool and prints what came of it. */
import { WorkerPool } from "../../../lib/archive/pool.ts";
import type { Order } from "./pool-worker.ts";

const url = new URL(import.meta.url.endsWith(".ts") ? "./pool-worker.ts" : "./pool-worker.js", import.meta.url);
const pool = new WorkerPool<Order, string>(url, 1, new AbortController().signal);
process.stdout.write(`${await pool.run({ do: "echo", value: "from a worker" })}\n`);
await pool.close();
