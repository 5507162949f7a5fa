//! Times as services write them, in microseconds since 1970. Pure: no clock.

const RFC3339 = /^(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,9}))?)?([Zz]|[+-]\d\d:?\d\d)$/;
const DATE = /^(\d{4})-(\d\d)-(\d\d)$/;
const DAY_MS = 86_400_000;

/** Digits beyond microseconds are cut. undefined: it is no such time. */
export function microsecondsOf(text: string): bigint | undefined {
  const found = RFC3339.exec(text);
  if (found === null) return undefined;
  const [, year, month, day, hour, minute, second = "0", fraction = "", zone = "Z"] = found;
  const days = daysOf(Number(year), Number(month), Number(day));
  const time = [Number(hour), Number(minute), Number(second)] as const;
  if (days === undefined || time[0] > 23 || time[1] > 59 || time[2] > 60) return undefined;
  const seconds = days * 86_400 + time[0] * 3_600 + time[1] * 60 + time[2] - offsetSeconds(zone);
  return BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
}

export function rfc3339(microseconds: bigint): string {
  const fraction = ((microseconds % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const seconds = (microseconds - fraction) / 1_000_000n;
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
  const digits = fraction.toString().padStart(6, "0");
  if (fraction === 0n) return `${whole}Z`;
  return `${whole}.${digits.endsWith("000") ? digits.slice(0, 3) : digits}Z`;
}

/** Days since 1970 of a date such as 2026-02-28. */
export function dayOf(text: string): number | undefined {
  const found = DATE.exec(text);
  return found === null ? undefined : daysOf(Number(found[1]), Number(found[2]), Number(found[3]));
}

export const dateOf = (days: number): string => new Date(days * DAY_MS).toISOString().slice(0, 10);

function daysOf(year: number, month: number, day: number): number | undefined {
  const made = new Date(0);
  made.setUTCFullYear(year, month - 1, day);
  const isSame = made.getUTCFullYear() === year && made.getUTCMonth() === month - 1 && made.getUTCDate() === day;
  return isSame ? made.getTime() / DAY_MS : undefined;
}

function offsetSeconds(zone: string): number {
  if (zone === "Z" || zone === "z") return 0;
  const digits = zone.slice(1).replace(":", "");
  const seconds = Number(digits.slice(0, 2)) * 3_600 + Number(digits.slice(2)) * 60;
  return zone.startsWith("-") ? -seconds : seconds;
}
