/** Names a package by the time in the user's time zone. */
import { HoldfastError } from "../../../errors.ts";

export const NAME_STYLES = ["sortable", "us"] as const;
export type NameStyle = (typeof NAME_STYLES)[number];

/** Returns the time zone, or this host's if undefined. Throws `E_USAGE` for an unknown one. */
export function knownZone(zone: string | undefined): string {
  try {
    const options = zone === undefined ? {} : { timeZone: zone };
    return new Intl.DateTimeFormat("en", options).resolvedOptions().timeZone;
  } catch (error) {
    throw new HoldfastError("E_USAGE", `unknown time zone ${zone ?? ""}`, {
      hint: "use the form Area/City, such as Europe/Paris",
      cause: error,
    });
  }
}

/**
 * Returns `<name>_20261121_101500.zip`, which sorts by time, or `<name>_112126_101500.zip`. Characters unsafe in file
 * names become `_`.
 */
export function packageName(name: string, at: Date, zone: string, style: NameStyle): string {
  const { year, month, day, hour, minute, second } = partsOf(at, zone);
  const date = style === "us" ? `${month}${day}${year.slice(-2)}` : `${year}${month}${day}`;
  const clean = name
    .normalize()
    .replaceAll(/[^\p{L}\p{N}._-]+/gu, "_")
    .replace(/^[.-]+/, "");
  return `${clean === "" ? "backup" : clean.slice(0, 60)}_${date}_${hour}${minute}${second}.zip`;
}

/** Formats a time as `2026-11-21T11:15:00+01:00`. */
export function timestampIn(at: Date, zone: string): string {
  const { year, month, day, hour, minute, second, offset } = partsOf(at, zone);
  return `${year}-${month}-${day}T${hour}:${minute}:${second}${offset}`;
}

function partsOf(at: Date, zone: string) {
  const parts = new Intl.DateTimeFormat("en-US", {
    timeZone: zone,
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
    timeZoneName: "longOffset",
  }).formatToParts(at);
  const of = (type: Intl.DateTimeFormatPartTypes): string => parts.find((part) => part.type === type)?.value ?? "";
  const offset = of("timeZoneName").replace("GMT", "");
  return {
    year: of("year"),
    month: of("month"),
    day: of("day"),
    hour: of("hour"),
    minute: of("minute"),
    second: of("second"),
    offset: offset === "" ? "+00:00" : offset,
  };
}
