//! Values between the service's JSON and the contract's cells. Pure.

import { ConnectorError, boolean, decimal, float, integer, json, nothing, text, timestamp, type Cell } from "lockstep-sdk";

import { ExactNumber, canonical, parseExact, writeExact, type Json } from "./exact.js";
import { dateOf, dayOf, microsecondsOf, rfc3339 } from "./instant.js";

/** How a field's values are written. The times in numbers count from 1970. */
export const KINDS = [
  "text", "int", "decimal", "float", "bool", "date", "timestamp", "unix-seconds", "unix-milliseconds", "json",
] as const;
export type Kind = (typeof KINDS)[number];

/** The contract's word for it. */
export const contractKind = (kind: Kind): string => (kind.startsWith("unix-") ? "timestamp" : kind);

const INT_MAX = 2n ** 63n - 1n;
const INT_MIN = -(2n ** 63n);

/** `field` is named where the value is none of its kind. */
export function decode(value: Json | undefined, kind: Kind, field: string): Cell {
  if (value === undefined || value === null) return nothing;
  const made = decoded(value, kind);
  if (made !== undefined) return made;
  const seen = value instanceof ExactNumber ? "number" : Array.isArray(value) ? "list" : typeof value;
  throw new ConnectorError("config", `the field ${field} holds a ${seen} that is no ${kind}`, {
    remedy: `Name another type for ${field} under \`fields\` of the object; \`json\` takes everything.`,
  });
}

function decoded(value: Json, kind: Kind): Cell | undefined {
  switch (kind) {
    case "text": return typeof value === "string" ? text(value) : undefined;
    case "bool": return typeof value === "boolean" ? boolean(value) : undefined;
    case "json": return json(writeExact(value));
    case "int": return whole(value, 1n, integer);
    case "unix-seconds": return whole(value, 1_000_000n, timestamp) ?? fractional(value);
    case "unix-milliseconds": return whole(value, 1_000n, timestamp);
    case "decimal": {
      const digits = digitsOf(value);
      return digits === undefined ? undefined : decimal(digits);
    }
    case "float": {
      const digits = digitsOf(value);
      return digits === undefined ? undefined : float(Number(digits));
    }
    case "date": {
      const days = typeof value === "string" ? dayOf(value) : undefined;
      return days === undefined ? undefined : { tag: "date", val: days };
    }
    case "timestamp": {
      const instant = typeof value === "string" ? microsecondsOf(value) : undefined;
      return instant === undefined ? undefined : timestamp(instant);
    }
  }
}

/** Numbers in plain notation; texts that are numbers, too: many services write decimals so. */
function digitsOf(value: Json): string | undefined {
  if (value instanceof ExactNumber) return plainDecimal(value.digits);
  if (typeof value === "number" || typeof value === "bigint") return plainDecimal(String(value));
  return typeof value === "string" ? plainDecimal(value) : undefined;
}

function whole(value: Json, factor: bigint, make: (made: bigint) => Cell): Cell | undefined {
  const digits = digitsOf(value);
  if (digits === undefined || typeof value === "string" || digits.includes(".")) return undefined;
  const made = BigInt(digits) * factor;
  return made > INT_MAX || made < INT_MIN ? undefined : make(made);
}

/** Seconds with a fraction, cut at microseconds. */
function fractional(value: Json): Cell | undefined {
  const found = typeof value === "string" ? null : /^(-?)(\d+)\.(\d+)$/.exec(digitsOf(value) ?? "");
  if (found === null) return undefined;
  const microseconds = BigInt(found[2] ?? "0") * 1_000_000n + BigInt((found[3] ?? "").slice(0, 6).padEnd(6, "0"));
  return timestamp(found[1] === "-" ? -microseconds : microseconds);
}

/** Digits without exponent, without zeros that mean nothing. undefined: it is no number. */
export function plainDecimal(told: string): string | undefined {
  const found = /^([+-]?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d{1,4}))?$/.exec(told.trim());
  if (found === null) return undefined;
  const [, sign = "", before = "", after = "", exponent = "0"] = found;
  const shift = Number(exponent);
  let digits = before + after;
  let point = before.length + shift;
  if (point < 0) {
    digits = "0".repeat(-point) + digits;
    point = 0;
  }
  digits = digits.padEnd(point, "0");
  const high = digits.slice(0, point).replace(/^0+(?=\d)/, "") || "0";
  const low = digits.slice(point).replace(/0+$/, "");
  const made = low === "" ? high : `${high}.${low}`;
  return sign === "-" && made !== "0" ? `-${made}` : made;
}

/** For a request's body. undefined: the kind cannot hold it. */
export function encode(cell: Cell, kind: Kind): Json | undefined {
  switch (cell.tag) {
    case "null": return null;
    case "boolean": return kind === "bool" ? cell.val : undefined;
    case "text": return kind === "text" ? cell.val : undefined;
    case "integer": return kind === "int" || kind === "decimal" ? cell.val : undefined;
    case "decimal": return encodedDecimal(cell.val, kind);
    case "float": return (kind === "float" || kind === "decimal") && Number.isFinite(cell.val) ? cell.val : undefined;
    case "date": return kind === "date" ? dateOf(cell.val) : undefined;
    case "timestamp": return encodedInstant(cell.val, kind);
    case "json": return kind === "json" ? parseExact(cell.val) : undefined;
    default: return undefined;
  }
}

function encodedDecimal(told: string, kind: Kind): Json | undefined {
  const digits = plainDecimal(told);
  if (digits === undefined) return undefined;
  if (kind === "int") return digits.includes(".") ? undefined : BigInt(digits);
  return kind === "decimal" || kind === "float" ? new ExactNumber(digits) : undefined;
}

/** As a member of a body or a query's value; undefined where the kind is too coarse for it. */
export function encodedInstant(microseconds: bigint, kind: Kind): Json | undefined {
  switch (kind) {
    case "timestamp": return rfc3339(microseconds);
    case "unix-seconds": return microseconds % 1_000_000n === 0n ? microseconds / 1_000_000n : undefined;
    case "unix-milliseconds": return microseconds % 1_000n === 0n ? microseconds / 1_000n : undefined;
    default: return undefined;
  }
}

/** Whether two cells hold the same, numbers and JSON by their meaning. */
export function sameValue(one: Cell, other: Cell): boolean {
  return meaning(one) === meaning(other);
}

function meaning(cell: Cell): string {
  switch (cell.tag) {
    case "absent":
    case "null": return cell.tag;
    case "integer":
    case "decimal":
    case "float": return `number ${plainDecimal(String(cell.val)) ?? String(cell.val)}`;
    case "json": return `json ${canonical(parseExact(cell.val))}`;
    case "text":
    case "boolean":
    case "date":
    case "timestamp": return `${cell.tag} ${String(cell.val)}`;
    default: throw new ConnectorError("unsupported", `values of kind ${cell.tag}`);
  }
}
