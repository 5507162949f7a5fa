//! Where the polls of a connection stand: what is stored between calls, in bounds. Pure.

import { ConnectorError, bytesOfText, textOfBytes } from "lockstep-sdk";

/** A round through a list that is not at its end. */
export interface Round {
  token: string;
  /** How many rows of that page have been looked at. */
  skip: number;
  /** The service's clock when the round began, in milliseconds. */
  startedAt: number;
}

export interface Standing {
  /** All that was modified before this, less the overlap, has been told; the service's clock, in milliseconds. */
  mark: number;
  /** Rows as they were told lately: a digest each, and when they were modified. The oldest told first. */
  seen: Map<string, number>;
  round: Round | undefined;
  /** When everything was last to be compared. */
  comparedAt: number;
}

/** What is remembered as told of all objects together; beyond that rows are told again, which is harmless. */
export const SEEN_MAX = 1_500;

export type Cursor = Map<string, Standing>;

type Stored = [number, [string, number][], [string, number, number] | null, number];

export function writeCursor(cursor: Cursor): Uint8Array {
  const stored: Record<string, Stored> = {};
  for (const [name, { mark, seen, round, comparedAt }] of cursor) {
    stored[name] = [mark, [...seen], round === undefined ? null : [round.token, round.skip, round.startedAt], comparedAt];
  }
  return bytesOfText(JSON.stringify({ objects: stored }));
}

export function readCursor(told: Uint8Array): Cursor {
  try {
    const { objects } = JSON.parse(textOfBytes(told)) as { objects: Record<string, Stored> };
    const cursor: Cursor = new Map();
    for (const [name, [mark, seen, round, comparedAt]] of Object.entries(objects)) {
      if (![mark, comparedAt].every(Number.isFinite) || !Array.isArray(seen)) throw new Error("no such place");
      const going = round === null ? undefined : { token: round[0], skip: round[1], startedAt: round[2] };
      cursor.set(name, { mark, comparedAt, seen: new Map(seen), round: going });
    }
    return cursor;
  } catch {
    throw new ConnectorError("cursor-invalid", "this is no cursor of this connector");
  }
}

/** Remembers a row as told. */
export function remember(seen: Map<string, number>, digest: string, modified: number, most: number): void {
  seen.delete(digest);
  seen.set(digest, modified);
  for (const [oldest] of seen) {
    if (seen.size <= most) break;
    seen.delete(oldest);
  }
}

/** 53 bits of a text, by which a row is known again. Not for secrets. */
export function digestOf(text: string): string {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let index = 0; index < text.length; index += 1) {
    const unit = text.charCodeAt(index);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  high = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
  return (4294967296 * (2097151 & low) + (high >>> 0)).toString(36);
}
