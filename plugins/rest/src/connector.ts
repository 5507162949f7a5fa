//! Services that speak JSON over HTTP, told by configuration: lists in pages, rows that say when they were modified, and
//! writes under an ETag. What is asked and how it is understood is in the other modules.

import {
  Connector, ConnectorError, absent, asConnectorError, authScheme, bytesOfText, expose, fail, ok, textOfBytes, warn,
  type Cell, type ChangesAnswer, type ChangesRequest, type CheckItem, type ConnectorSpec, type FetchRequest, type Found,
  type Outcome, type Page, type PageRequest, type Position, type Role, type Selection, type SourceObject,
  type WriteRequest,
} from "lockstep-sdk";
import { hostClient } from "lockstep-sdk/host";

import { CONFIG_SCHEMA, parseConfig, type ObjectConfig } from "./config.js";
import { pageSize } from "./paging.js";
import { Poll } from "./poll.js";
import { Service, type Item } from "./service.js";
import { Shape, sampled } from "./shape.js";
import { sameValue } from "./value.js";
import { Writing, idText } from "./write.js";

/** Where requests go: the scheme, host and port of the configured address. */
const PLACE = "https:config.base_url";
const TOKENS = "https:config.token_url";
/** Rows looked up at a time. */
const LOOKED_UP = 4;
/** Pages gone through for look-ups by other fields than the id. */
const SEARCHED_PAGES_MAX = 200;

class Rest extends Connector {
  readonly #service: Service;
  readonly #poll: Poll;
  readonly #shapes = new Map<string, Shape>();

  private constructor(service: Service) {
    super();
    this.#service = service;
    this.#poll = new Poll(service, (name) => this.#shape(name));
  }

  static spec(): ConnectorSpec {
    return {
      name: "rest",
      version: "0.1.0",
      changes: "poll",
      precondition: "precondition",
      abilities: ["delete"],
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      cursorVersion: 1,
      permissions: [PLACE, TOKENS],
      credentials: [],
      authSchemes: [
        authScheme("bearer", "bearer", "token", [PLACE]),
        authScheme("x-api-key", "api-key-header", "api_key", [PLACE], { header: "x-api-key" }),
        authScheme("basic", "basic", "password", [PLACE], { subject: "{config.user}" }),
        authScheme("client-credentials", "oauth2-client-credentials", "client_secret", [PLACE], {
          tokenUrl: "{config.token_url}", clientId: "{config.client_id}", scope: "{config.scope|}",
        }),
      ],
      extras: [],
    };
  }

  static open(_role: Role, config: string): Rest {
    return new Rest(new Service(hostClient, parseConfig(config)));
  }

  override async check(objects: string[]): Promise<CheckItem[]> {
    const { objects: known } = this.#service.config;
    const items: CheckItem[] = [];
    for (const name of objects.length === 0 ? known.keys() : objects) {
      const object = known.get(name);
      if (object === undefined) {
        items.push(fail(name, `there is no object ${name}`, `Configured are: ${[...known.keys()].join(", ")}.`));
        continue;
      }
      try {
        items.push(await this.#checked(object));
      } catch (thrown) {
        const { message, payload } = asConnectorError(thrown);
        const remedy = payload.remedy || "Look at `base_url`, the object's paths, the secrets and `auth`.";
        items.push(fail(name, message, remedy));
      }
    }
    return items;
  }

  async #checked(object: ObjectConfig): Promise<CheckItem> {
    const { rows } = await this.#service.page(object, "", pageSize(object, 1));
    const shape = await this.#shape(object.name);
    const first = rows.find((row) => !shape.isDeleted(row));
    if (first === undefined) return ok(object.name, "the list answers, and is empty");
    shape.row(first, [...shape.fields.keys()]);
    if (shape.modified(first) === undefined) {
      return fail(object.name, `a row has no ${object.modified}`, `Name in \`modified\` the field that says when a row was modified.`);
    }
    if (!object.isWritable) return ok(object.name, "the list answers");
    const there = await this.#service.item(object, idText(shape.key(first)[0] ?? { tag: "null" }) ?? "");
    if (there === undefined || /^"/.test(there.etag)) return ok(object.name, "the list answers");
    return warn(object.name, "rows come without a strong ETag: creates work, changes and deletes are refused",
      "Leave `writable` out, or have the service give ETags and heed If-Match.");
  }

  override async discover(objects: string[]): Promise<SourceObject[]> {
    const { objects: known } = this.#service.config;
    const wanted = objects.length === 0 ? [...known.keys()] : objects.filter((name) => known.has(name));
    const found: SourceObject[] = [];
    for (const name of wanted) found.push((await this.#shape(name)).describe());
    return found;
  }

  override async start(selections: Selection[]): Promise<Position> {
    return { cursor: await this.#poll.start(selections), extras: [] };
  }

  override release(): string[] {
    // `start` makes nothing at the service.
    return [];
  }

  override async read({ selection, after, maxRows, maxBytes }: PageRequest): Promise<Page> {
    const shape = await this.#shape(selection.object);
    shape.checkColumns(selection.columns);
    const { token, skip, size } = readPlace(after) ?? { token: "", skip: 0, size: pageSize(shape.object, maxRows) };
    const page = await this.#service.page(shape.object, token, size);
    const rowBytes = Math.max(1, page.length / Math.max(1, page.rows.length));
    const most = Math.max(1, Math.min(maxRows, Math.floor(maxBytes / rowBytes)));
    const end = Math.min(page.rows.length, skip + most);
    const rows = page.rows.slice(skip, end).filter((item) => !shape.isDeleted(item));
    // The rest of a page is asked for by the same page once more.
    const rest = end < page.rows.length ? { token, skip: end, size } : { token: page.next, skip: 0, size };
    const isLast = end >= page.rows.length && page.next === "";
    return {
      rows: rows.map((item) => shape.row(item, selection.columns)),
      next: bytesOfText(isLast ? "" : JSON.stringify([rest.token, rest.skip, rest.size])),
    };
  }

  override changes(request: ChangesRequest): Promise<ChangesAnswer> {
    return this.#poll.changes(request);
  }

  override async fetch({ selection, by, keys }: FetchRequest): Promise<Found[]> {
    const shape = await this.#shape(selection.object);
    shape.checkColumns(selection.columns);
    if (by.length !== 1 || by[0] !== shape.object.id) return this.#searched(shape, selection.columns, by, keys);
    const found: Found[] = [];
    for (let begin = 0; begin < keys.length; begin += LOOKED_UP) {
      const some = keys.slice(begin, begin + LOOKED_UP);
      const items = await Promise.all(some.map((key) => this.#item(shape, idText(key[0] ?? { tag: "null" }))));
      for (const [place, item] of items.entries()) {
        if (item !== undefined) found.push({ index: begin + place, row: shape.row(item, selection.columns) });
      }
    }
    return found;
  }

  /** By other fields than the id: services do not search alike, so their list is gone through. */
  async #searched(shape: Shape, columns: string[], by: string[], keys: Cell[][]): Promise<Found[]> {
    shape.checkColumns(by);
    const found: Found[] = [];
    let token = "";
    for (let pages = 0; pages < SEARCHED_PAGES_MAX; pages += 1) {
      const page = await this.#service.page(shape.object, token, pageSize(shape.object, shape.object.paging.size));
      for (const item of page.rows.filter((row) => !shape.isDeleted(row))) {
        const cells = shape.cells(item, by);
        for (const [index, key] of keys.entries()) {
          const isIt = cells.every((cell, place) => sameValue(cell, key[place] ?? absent));
          if (isIt) found.push({ index, row: shape.row(item, columns) });
        }
      }
      if (page.next === "") return found;
      token = page.next;
    }
    throw new ConnectorError("unsupported", `${shape.object.name} has more than ${SEARCHED_PAGES_MAX} pages to go through for a look-up`);
  }

  override async write({ object, columns, intents, returning }: WriteRequest): Promise<Outcome[]> {
    const shape = await this.#shape(object);
    shape.checkColumns([...columns, ...returning]);
    const writing = new Writing(this.#service, shape, columns, returning);
    const outcomes: Outcome[] = [];
    for (const intent of intents) outcomes.push(await writing.one(intent));
    return outcomes;
  }

  async #item(shape: Shape, id: string | undefined): Promise<Item | undefined> {
    const there = id === undefined ? undefined : await this.#service.item(shape.object, id);
    return there === undefined || shape.isDeleted(there.row) ? undefined : there.row;
  }

  /** Sampled once a session, where the configuration does not name the fields. */
  async #shape(name: string): Promise<Shape> {
    const known = this.#shapes.get(name);
    if (known !== undefined) return known;
    const object = this.#service.config.objects.get(name);
    if (object === undefined) throw new ConnectorError("not-found", `there is no object ${name}`);
    const fields = object.fields
      ?? sampled(object, (await this.#service.page(object, "", pageSize(object, object.paging.size))).rows);
    const shape = new Shape(object, fields);
    this.#shapes.set(name, shape);
    return shape;
  }
}

interface Place { token: string; skip: number; size: number }

/** undefined: the first page. */
function readPlace(after: Uint8Array): Place | undefined {
  if (after.length === 0) return undefined;
  try {
    const [token, skip, size] = JSON.parse(textOfBytes(after)) as unknown[];
    if (typeof token === "string" && typeof skip === "number" && typeof size === "number") return { token, skip, size };
  } catch {
    // Refused below.
  }
  throw new ConnectorError("cursor-invalid", "no such page");
}

export const connector = expose(Rest);
