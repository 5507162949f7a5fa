//! Cells made, compared and told apart. Pure: no host, no requests.

import type { Cell, Scalar, Uuid } from "./model.js";

export const absent: Cell = { tag: "absent" };
export const nothing: Scalar = { tag: "null" };

export const boolean = (val: boolean): Scalar => ({ tag: "boolean", val });
export const integer = (val: bigint | number): Scalar => ({ tag: "integer", val: BigInt(val) });
export const decimal = (val: string): Scalar => ({ tag: "decimal", val });
export const float = (val: number): Scalar => ({ tag: "float", val });
export const text = (val: string): Scalar => ({ tag: "text", val });
export const bytes = (val: Uint8Array): Scalar => ({ tag: "bytes", val });
export const json = (val: string): Scalar => ({ tag: "json", val });
export const timestamp = (microseconds: bigint): Scalar => ({ tag: "timestamp", val: microseconds });
export const many = (val: Scalar[]): Cell => ({ tag: "many", val });

/** Whether two cells are of one kind and hold the same. */
export function sameCell(one: Cell, other: Cell): boolean {
  if (one.tag !== other.tag) return false;
  if (one.tag === "absent" || one.tag === "null") return true;
  if (one.tag === "many") {
    const items = (other as { val: Scalar[] }).val;
    return one.val.length === items.length && one.val.every((item, index) => sameCell(item, items[index] ?? absent));
  }
  const value = (other as { val: unknown }).val;
  if (one.tag === "bytes") return sameBytes(one.val, value as Uint8Array);
  if (one.tag === "uuid") return one.val.high === (value as Uuid).high && one.val.low === (value as Uuid).low;
  if (one.tag === "float") return Object.is(one.val, value);
  return one.val === value;
}

export function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}

/** Eight bytes, most significant first, so that they compare as the numbers do. For cursors and versions. */
export function bytesOfNumber(number: bigint): Uint8Array {
  const made = new Uint8Array(8);
  new DataView(made.buffer).setBigUint64(0, number);
  return made;
}

/** The number in eight bytes; undefined where there are not eight. */
export function numberOfBytes(told: Uint8Array): bigint | undefined {
  if (told.length !== 8) return undefined;
  return new DataView(told.buffer, told.byteOffset, 8).getBigUint64(0);
}

export const bytesOfText = (told: string): Uint8Array => new TextEncoder().encode(told);
export const textOfBytes = (told: Uint8Array): string => new TextDecoder().decode(told);
export const noBytes = new Uint8Array(0);
