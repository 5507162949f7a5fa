//! A connector to begin with: the notes of a small REST service, read, followed and written. Replace `service` by your
//! system's requests and `note` by its rows; what is decided about writes is in `write`. `lockstep connector test` says
//! what is still missing.

import {
  Connector, ConnectorError, authScheme, bytesOfNumber, bytesOfText, expose, fail, numberOfBytes, ok, text, textOfBytes,
  type ChangeBatch, type ChangesAnswer, type ChangesRequest, type CheckItem, type ConnectorSpec, type FetchRequest,
  type Found, type Outcome, type Page, type PageRequest, type Position, type Role, type Selection, type SourceObject,
  type WriteRequest,
} from "lockstep-sdk";
import { hostClient } from "lockstep-sdk/host";

import { OBJECT, cells, checkColumns, describe, idOf, row } from "./note.js";
import { Service, type Change } from "./service.js";
import { writeOne } from "./write.js";

/** Where requests go: the scheme, host and port of the configured address. */
const PLACE = "https:config.base_url";

const CONFIG_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["base_url"],
  properties: {
    base_url: { type: "string", description: "where the service answers, such as https://notes.example.com" },
  },
};

/** One session. What should live as long as the session belongs here. */
class Notes extends Connector {
  readonly #service: Service;

  private constructor(service: Service) {
    super();
    this.#service = service;
  }

  static spec(): ConnectorSpec {
    return {
      name: "starter",
      version: "0.1.0",
      changes: "log",
      precondition: "precondition",
      abilities: ["delete"],
      configSchema: JSON.stringify(CONFIG_SCHEMA),
      cursorVersion: 1,
      permissions: [PLACE],
      credentials: [],
      // The host puts the token on requests; this code never sees it.
      authSchemes: [authScheme("token", "bearer", "token", [PLACE])],
      extras: [],
    };
  }

  static open(_role: Role, config: string): Notes {
    const { base_url } = JSON.parse(config) as { base_url?: unknown };
    if (typeof base_url !== "string") throw new ConnectorError("config", "configuration: `base_url` is missing");
    return new Notes(new Service(hostClient, base_url));
  }

  override async check(objects: string[]): Promise<CheckItem[]> {
    const items: CheckItem[] = [];
    try {
      await this.#service.status();
      items.push(ok("service", "the service answers"));
    } catch (thrown) {
      if (!(thrown instanceof ConnectorError)) throw thrown;
      items.push(fail("service", thrown.message, "Look at `base_url` and the secret `token`."));
    }
    for (const name of objects.filter((name) => name !== OBJECT)) {
      items.push(fail("object", `there is no object ${name}`, `The service has one: ${OBJECT}.`));
    }
    return items;
  }

  override discover(objects: string[]): SourceObject[] {
    return objects.length === 0 || objects.includes(OBJECT) ? [describe()] : [];
  }

  override async start(selections: Selection[]): Promise<Position> {
    for (const { object, columns } of selections) checkColumns(object, columns);
    return { cursor: bytesOfNumber(await this.#service.lastChange()), extras: [] };
  }

  override release(): string[] {
    // `start` makes nothing at the service.
    return [];
  }

  override async read({ selection, after, maxRows }: PageRequest): Promise<Page> {
    checkColumns(selection.object, selection.columns);
    const { notes, next } = await this.#service.list(textOfBytes(after), maxRows);
    return { rows: notes.map((note) => row(note, selection.columns)), next: bytesOfText(next ?? "") };
  }

  override async changes(request: ChangesRequest): Promise<ChangesAnswer> {
    const after = numberOfBytes(request.after);
    if (after === undefined) throw new ConnectorError("cursor-invalid", "a cursor has 8 bytes");
    const selection = request.selections.find(({ object }) => object === OBJECT);
    if (selection === undefined || request.maxRecords === 0) {
      return { batches: [], cursor: request.after, more: false };
    }
    checkColumns(selection.object, selection.columns);
    const { changes, last } = await this.#service.changes(after, request.maxRecords, request.waitMs);
    const reached = BigInt(changes.at(-1)?.number ?? after);
    return {
      batches: batches(changes, selection.columns),
      cursor: bytesOfNumber(reached),
      more: reached < BigInt(last),
    };
  }

  override async fetch({ selection, by, keys }: FetchRequest): Promise<Found[]> {
    checkColumns(selection.object, selection.columns);
    if (by.length !== 1 || by[0] !== "id") {
      throw new ConnectorError("unsupported", `looking notes up by ${by.join(", ")}`);
    }
    const found: Found[] = [];
    for (const [index, key] of keys.entries()) {
      const note = await this.#service.get(idOf(key));
      if (note !== undefined) found.push({ index, row: row(note, selection.columns) });
    }
    return found;
  }

  override async write({ object, columns, intents, returning }: WriteRequest): Promise<Outcome[]> {
    checkColumns(object, [...columns, ...returning]);
    const outcomes: Outcome[] = [];
    for (const intent of intents) outcomes.push(await writeOne(this.#service, intent, columns, returning));
    return outcomes;
  }
}

/** Changes in their order, those of one kind that follow each other together. */
function batches(changes: Change[], columns: string[]): ChangeBatch[] {
  const made: ChangeBatch[] = [];
  for (const { number, id, note } of changes) {
    const kind = note ? "upsert" : "delete";
    if (made.at(-1)?.kind !== kind) made.push({ object: OBJECT, kind, columns, rows: [], origin: "" });
    // The number of the change orders it among all.
    const version = bytesOfNumber(BigInt(number));
    made.at(-1)?.rows.push({ key: [text(id)], cells: note ? cells(note, columns) : [], version });
  }
  return made;
}

export const connector = expose(Notes);
