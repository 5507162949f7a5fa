//! JSON in which no number is rounded: one that a double may not hold becomes an [`ExactNumber`] with its digits, and
//! bigints are written as the digits they are. Pure.

/** A number as the service wrote it. */
export class ExactNumber {
  constructor(readonly digits: string) {}
}

/** Digits that a double always holds. */
const SAFE_DIGITS = 15;
/** Stands before digits where a string carries them through the parser; a character of no text. */
const MARK = "\u{10FFFE}";
/** A string, or a number. Strings are matched so that digits in them are left alone. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

export type Json = null | boolean | number | string | ExactNumber | bigint | Json[] | { [name: string]: Json };

/** Throws what JSON.parse throws. */
export function parseExact(text: string): Json {
  let isMarked = false;
  const marked = text.replace(TOKENS, (token) => {
    if (token.startsWith('"') || token.length <= SAFE_DIGITS) return token;
    isMarked = true;
    return `"${MARK}${token}"`;
  });
  if (!isMarked) return JSON.parse(text) as Json;
  return JSON.parse(marked, (_, value: unknown) =>
    typeof value === "string" && value.startsWith(MARK) ? new ExactNumber(value.slice(MARK.length)) : value) as Json;
}

export function writeExact(value: Json): string {
  if (typeof value === "bigint") return value.toString();
  if (value instanceof ExactNumber) return value.digits;
  if (Array.isArray(value)) return `[${value.map(writeExact).join(",")}]`;
  if (value !== null && typeof value === "object") {
    const members = Object.entries(value).map(([name, member]) => `${JSON.stringify(name)}:${writeExact(member)}`);
    return `{${members.join(",")}}`;
  }
  return JSON.stringify(value);
}

/** The same text for the same JSON, whatever the order of its members. */
export function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (value !== null && typeof value === "object" && !(value instanceof ExactNumber)) {
    const members = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(",")}}`;
  }
  return writeExact(value);
}

/** What lies at a path such as `paging.next.after`; the whole for an empty one. */
export function at(value: Json | undefined, path: string): Json | undefined {
  if (path === "") return value;
  let here = value;
  for (const name of path.split(".")) {
    if (here === null || typeof here !== "object" || Array.isArray(here) || here instanceof ExactNumber) return undefined;
    here = Object.hasOwn(here, name) ? here[name] : undefined;
  }
  return here;
}

/** Puts a value at a path, with the objects that it needs. */
export function put(into: { [name: string]: Json }, path: string, value: Json): void {
  const names = path.split(".");
  const last = names.pop() ?? path;
  let here = into;
  for (const name of names) {
    const there = Object.hasOwn(here, name) ? here[name] : undefined;
    const made = there !== null && typeof there === "object" && !Array.isArray(there) && !(there instanceof ExactNumber)
      ? there : {};
    define(here, name, made);
    here = made;
  }
  define(here, last, value);
}

/** As an own member, also under a name such as `__proto__`. */
function define(into: { [name: string]: Json }, name: string, value: Json): void {
  Object.defineProperty(into, name, { value, enumerable: true, writable: true, configurable: true });
}
