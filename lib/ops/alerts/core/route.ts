/** The interface of all routes. Each kind has a folder of its own; test/contract/alert-routes.test.ts runs on all. */
import type { AlertEvent } from "../../../config/settings/alerts.ts";
import type { Alert, Delivery, Ping } from "./alert.ts";

export interface Route {
  readonly name: string;
  /** The events that it reports. */
  readonly events: ReadonlySet<AlertEvent>;
  /**
   * Sends an alert. A service that cannot be reached or refuses is a delivery that is not ok; `E_CONFIG` is thrown for
   * a secret that cannot be read.
   */
  send(alert: Alert, signal: AbortSignal): Promise<Delivery>;
  /** Sends a sign of life; absent where the route follows no job. */
  readonly ping?: (ping: Ping, signal: AbortSignal) => Promise<Delivery>;
  /** The job that `ping` follows. */
  readonly job?: Ping["job"];
}
