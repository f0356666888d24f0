/** The hours, days and weeks that times belong to. */

const DAY_MS = 24 * 3_600_000;

export type Calendar = "hourly" | "daily" | "weekly" | "monthly" | "yearly";

/**
 * Returns a function that names the hour, day, week, month and year of a time in a zone. An hour that daylight saving
 * time repeats is two; a week begins on Monday (ISO 8601).
 */
export function calendarOf(timeZone: string): (time: Date) => Readonly<Record<Calendar, string>> {
  const format = new Intl.DateTimeFormat("en", {
    timeZone,
    calendar: "gregory",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    timeZoneName: "longOffset",
  });
  return (time) => {
    const parts = new Map(format.formatToParts(time).map(({ type, value }) => [type, value]));
    const [year = "", month = "", day = ""] = [parts.get("year"), parts.get("month"), parts.get("day")];
    const date = `${year}-${month}-${day}`;
    return {
      hourly: `${date} ${parts.get("hour") ?? ""} ${parts.get("timeZoneName") ?? ""}`,
      daily: date,
      weekly: mondayOf(new Date(Date.UTC(Number(year), Number(month) - 1, Number(day)))),
      monthly: `${year}-${month}`,
      yearly: year,
    };
  };
}

function mondayOf(day: Date): string {
  const sinceMonday = (day.getUTCDay() + 6) % 7;
  return new Date(day.getTime() - sinceMonday * DAY_MS).toISOString().slice(0, 10);
}
