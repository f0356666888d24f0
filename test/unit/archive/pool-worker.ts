/** A worker for the tests of the pool. */
import { existsSync, writeFileSync } from "node:fs";
import { HoldfastError } from "../../../lib/errors.ts";
import { serveTasks } from "../../../lib/archive/pool.ts";

export interface Order {
  readonly do: "echo" | "fail" | "throw" | "exit" | "crash" | "wait" | "stubborn" | "count";
  readonly value?: string;
}

serveTasks<Order, string>(async (order, { cancelled, onBytes }) => {
  switch (order.do) {
    case "echo":
      return order.value ?? "";
    case "fail":
      throw new HoldfastError("E_UNREADABLE", "no right to read it", { hint: "ask for it" });
    case "throw":
      throw new TypeError("a mistake");
    case "exit":
      return process.exit(3);
    case "crash":
      setImmediate(() => {
        throw new Error("crashed");
      });
      return await new Promise<string>(() => {});
    case "count":
      for (let index = 0; index < 1000; index++) onBytes(1000);
      return "counted";
    case "wait":
      // Synchronously, as the real work is: only shared memory can reach it.
      writeFileSync(order.value ?? "", "");
      while (!cancelled()) sleep(5);
      throw new HoldfastError("E_INTERRUPTED", "seen");
    case "stubborn":
      writeFileSync(order.value ?? "", "");
      for (;;) if (!existsSync(order.value ?? "")) sleep(5);
  }
});

function sleep(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
