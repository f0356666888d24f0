import { describe, expect, test } from "vitest";
import { calendarOf } from "../../../../lib/ops/retention/calendar.ts";

const at = (time: string, zone: string): Readonly<Record<string, string>> => calendarOf(zone)(new Date(time));

describe("the calendar of a zone", () => {
  test("a day is the zone's own", () => {
    expect(at("2026-11-20T23:30:00Z", "UTC")["daily"]).toBe("2026-11-20");
    expect(at("2026-11-20T23:30:00Z", "Europe/Zurich")["daily"]).toBe("2026-11-21");
    expect(at("2026-11-20T03:30:00Z", "America/New_York")["daily"]).toBe("2026-11-19");
    expect(at("2026-12-31T23:30:00Z", "Europe/Zurich")).toMatchObject({ monthly: "2027-01", yearly: "2027" });
  });

  test("a week begins on Monday, also across a year", () => {
    const weekly = (time: string): string | undefined => at(time, "UTC")["weekly"];
    expect(weekly("2026-11-29T23:59:59Z")).toBe("2026-11-23"); // a Sunday
    expect(weekly("2026-11-30T00:00:00Z")).toBe("2026-11-30");
    expect(weekly("2026-12-31T12:00:00Z")).toBe(weekly("2027-01-03T12:00:00Z"));
  });

  test("the hour that ends summer time is two, and the one that begins it is none", () => {
    const hourly = (time: string): string | undefined => at(time, "Europe/Zurich")["hourly"];
    expect(hourly("2026-10-25T00:30:00Z")).toMatch(/^2026-10-25 02 /);
    expect(hourly("2026-10-25T01:30:00Z")).toMatch(/^2026-10-25 02 /);
    expect(hourly("2026-10-25T00:30:00Z")).not.toBe(hourly("2026-10-25T01:30:00Z"));
    expect(hourly("2026-03-29T00:59:59Z")).toMatch(/ 01 /);
    expect(hourly("2026-03-29T01:00:00Z")).toMatch(/ 03 /);
  });

  test("each night of a year at two is a day of its own in a zone with summer time", () => {
    const nights = Array.from({ length: 365 }, (_, night) => new Date(Date.UTC(2026, 0, 1 + night, 1)));
    const daily = calendarOf("Europe/Zurich");
    expect(new Set(nights.map((night) => daily(night).daily)).size).toBe(365);
  });
});
