//! What changed since a cursor, found by asking the lists again: from a little before the last round's begin, so that what
//! a list shows late is not missed, and without telling a row twice as it was told.

import {
  ConnectorError, asConnectorError, noBytes, type ChangeBatch, type ChangesAnswer, type ChangesRequest, type Selection,
} from "lockstep-sdk";

import type { ObjectConfig } from "./config.js";
import { SEEN_MAX, digestOf, readCursor, remember, writeCursor, type Cursor, type Standing } from "./cursor.js";
import { canonical } from "./exact.js";
import { pageSize } from "./paging.js";
import type { Item, ListPage, Service } from "./service.js";
import type { Shape } from "./shape.js";
import { encodedInstant } from "./value.js";

/** Requests of one call; the rest follows with the next. */
const PAGES_MAX = 20;
/** Rows of a page that are looked at again where the last call stopped within it, should rows before have gone. */
const LOOK_BACK_ROWS = 500;
/** Rows in a page of a poll, at the most. */
const PAGE_ROWS = 1_000;

export type ShapeOf = (object: string) => Promise<Shape>;

/** Answers of one call, bounded. */
class Told {
  readonly batches: ChangeBatch[] = [];
  pages = 0;
  #rows = 0;

  constructor(readonly rowsMax: number) {}

  get isFull(): boolean {
    return this.#rows >= this.rowsMax || this.pages >= PAGES_MAX;
  }

  get hasRoom(): boolean {
    return this.#rows < this.rowsMax;
  }

  add(shape: Shape, item: Item, columns: string[]): void {
    const kind = shape.isDeleted(item) ? "delete" : "upsert";
    const last = this.batches.at(-1);
    const object = shape.object.name;
    const batch = last?.kind === kind && last.object === object ? last : { object, kind, columns, rows: [], origin: "" } as ChangeBatch;
    if (batch !== last) this.batches.push(batch);
    const row = kind === "delete"
      ? { key: shape.key(item), cells: [], version: noBytes, at: shape.modified(item) }
      : shape.row(item, columns);
    batch.rows.push(row);
    this.#rows += 1;
  }

  /** Everything is to be compared. */
  gap(object: string): void {
    this.batches.push({ object, kind: "gap", columns: [], rows: [], origin: "" });
  }
}

export class Poll {
  readonly #service: Service;
  readonly #shapeOf: ShapeOf;
  /** When an object's last round ended, by our clock. */
  readonly #asked = new Map<string, number>();

  constructor(service: Service, shapeOf: ShapeOf) {
    this.#service = service;
    this.#shapeOf = shapeOf;
  }

  /** From here on changes are told: the service's own present. */
  async start(selections: Selection[]): Promise<Uint8Array> {
    const cursor: Cursor = new Map();
    for (const { object, columns } of selections) {
      const shape = await this.#shapeOf(object);
      shape.checkColumns(columns);
      const { servedAt } = await this.#service.page(shape.object, "", 1);
      cursor.set(object, { mark: servedAt, seen: new Map(), round: undefined, comparedAt: servedAt });
    }
    return writeCursor(cursor);
  }

  async changes(request: ChangesRequest): Promise<ChangesAnswer> {
    const cursor = readCursor(request.after);
    const idle = { batches: [], cursor: request.after, more: false };
    if (request.maxRecords === 0) return idle;
    const until = Date.now() + request.waitMs;
    let hasMoved = false;
    for (;;) {
      const told = new Told(request.maxRecords);
      for (const selection of request.selections) {
        const standing = cursor.get(selection.object);
        if (standing === undefined) {
          throw new ConnectorError("cursor-invalid", `the cursor does not say where ${selection.object} stands`);
        }
        if (told.isFull || (standing.round === undefined && this.#dueInMs(selection.object) > 0)) continue;
        hasMoved = await this.#round(selection, standing, told, request.selections.length) || hasMoved;
      }
      const more = request.selections.some(({ object }) => cursor.get(object)?.round !== undefined);
      if (more || told.batches.length > 0) return { batches: told.batches, cursor: writeCursor(cursor), more };
      const pause = Math.min(...request.selections.map(({ object }) => this.#dueInMs(object)));
      const left = until - Date.now();
      if (left <= 0 || pause > left) {
        if (left > 0) await sleep(left);
        return hasMoved ? { ...idle, cursor: writeCursor(cursor) } : idle;
      }
      await sleep(pause);
    }
  }

  #dueInMs(object: string): number {
    const last = this.#asked.get(object);
    return last === undefined ? 0 : Math.max(0, last + this.#service.config.pollEveryMs - Date.now());
  }

  /** As much of a round as fits; whether the standing is another now. */
  async #round(selection: Selection, standing: Standing, told: Told, objects: number): Promise<boolean> {
    const shape = await this.#shapeOf(selection.object);
    shape.checkColumns(selection.columns);
    const { object } = shape;
    const { overlapMs } = this.#service.config;
    const fromMs = Math.max(0, standing.mark - overlapMs);
    const since = sinceOf(shape, fromMs);
    const remembered = Math.max(1, Math.floor(SEEN_MAX / objects));
    const wasGoing = standing.round !== undefined;
    while (!told.isFull) {
      const { token, skip } = standing.round ?? { token: "", skip: 0 };
      told.pages += 1;
      const page = await this.#page(object, token, since);
      if (page === undefined) {
        standing.round = undefined;
        continue;
      }
      const startedAt = standing.round?.startedAt ?? page.servedAt;
      let looked = Math.max(0, Math.min(skip, page.rows.length) - LOOK_BACK_ROWS);
      for (; looked < page.rows.length && told.hasRoom; looked += 1) {
        const item = page.rows[looked];
        if (item === undefined) break;
        const modified = Number((shape.modified(item) ?? BigInt(standing.mark) * 1_000n) / 1_000n);
        if (modified < fromMs) continue;
        const digest = digestOf(canonical(item));
        if (!standing.seen.has(digest)) told.add(shape, item, selection.columns);
        remember(standing.seen, digest, modified, remembered);
      }
      if (looked < page.rows.length) {
        standing.round = { token, skip: looked, startedAt };
        return true;
      }
      if (page.next !== "") {
        standing.round = { token: page.next, skip: 0, startedAt };
        continue;
      }
      const isOld = startedAt - standing.mark > overlapMs;
      return this.#finished(object.name, standing, startedAt, wasGoing || isOld, told);
    }
    return true;
  }

  /** undefined: the service no longer knows that page, and the round begins anew; what was told is known by its digest. */
  async #page(object: ObjectConfig, token: string, since: string | undefined): Promise<ListPage | undefined> {
    try {
      return await this.#service.page(object, token, pageSize(object, PAGE_ROWS), since);
    } catch (thrown) {
      const { code } = asConnectorError(thrown);
      if (token !== "" && (code === "not-found" || code === "internal")) return undefined;
      throw thrown;
    }
  }

  /** Whether the standing is another. While nothing happens it is not: each of its moves is stored. */
  #finished(object: string, standing: Standing, startedAt: number, mayMove: boolean, told: Told): boolean {
    const { overlapMs, compareEveryMs } = this.#service.config;
    this.#asked.set(object, Date.now());
    standing.round = undefined;
    const hasMoved = mayMove || told.batches.length > 0;
    if (hasMoved) {
      standing.mark = Math.max(standing.mark, startedAt);
      for (const [digest, modified] of standing.seen) {
        if (modified < standing.mark - overlapMs) standing.seen.delete(digest);
      }
    }
    if (compareEveryMs > 0 && startedAt - standing.comparedAt >= compareEveryMs) {
      standing.comparedAt = startedAt;
      told.gap(object);
    }
    return hasMoved;
  }
}

/** What the list's query says, in whole seconds: services differ in what else they take. */
function sinceOf(shape: Shape, fromMs: number): string | undefined {
  if (shape.object.since === "") return undefined;
  const seconds = BigInt(Math.floor(fromMs / 1_000)) * 1_000_000n;
  const told = encodedInstant(seconds, shape.object.modifiedKind);
  return told === undefined || told === null ? undefined : String(told);
}

const sleep = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));
