//! What an author implements, with an honest default for everything optional, and how it is made the component's
//! export. One instance of the component is one session.

import { ConnectorError, asConnectorError } from "./errors.js";
import type {
  ChangesAnswer, ChangesRequest, CheckItem, ConnectorSpec, EnsureRequest, FetchRequest, Found, Outcome, Page, PageRequest,
  Position, Role, Selection, SourceObject, Webhook, WebhookAnswer, WriteRequest,
} from "./model.js";

export type Awaitable<T> = T | Promise<T>;

const unsupported = (what: string): never => {
  throw new ConnectorError("unsupported", `this connector does not support ${what}`);
};

/** One session with one system. Calls never overlap, and nothing runs between them. */
export abstract class Connector {
  /** What works and what is missing, each with its remedy. Empty `objects`: all. */
  check(_objects: string[]): Awaitable<CheckItem[]> { return unsupported("check"); }
  /** Describe these objects; empty: every object there is. */
  discover(_objects: string[]): Awaitable<SourceObject[]> { return unsupported("discover"); }
  /** Prepare the change stream and say where it starts. */
  start(_selections: Selection[]): Awaitable<Position> { return unsupported("start"); }
  /** Remove what `start` made at the source; says what was removed. */
  release(): Awaitable<string[]> { return unsupported("release"); }
  /** A page of a full read. */
  read(_request: PageRequest): Awaitable<Page> { return unsupported("read"); }
  /** The next changes, and the cursor after them. */
  changes(_request: ChangesRequest): Awaitable<ChangesAnswer> { return unsupported("changes"); }
  /** The current rows of the given keys. */
  fetch(_request: FetchRequest): Awaitable<Found[]> { return unsupported("fetch"); }
  /** Write; one outcome an intent, in order. */
  write(_request: WriteRequest): Awaitable<Outcome[]> { return unsupported("write"); }
  /** Create or extend an object; the statements run or, when dry, meant. */
  ensure(_request: EnsureRequest): Awaitable<string[]> { return unsupported("ensure"); }
  /** Verify and answer a webhook, and hand back what it tells. */
  ingest(_request: Webhook): Awaitable<WebhookAnswer> { return unsupported("ingest"); }
}

/** What a class that is a connector has besides its sessions. */
export interface ConnectorClass {
  /** What this connector is and can do. Asked before anything is open. */
  spec(): ConnectorSpec;
  /** Start the session. `config` is JSON that the host found to fit the spec's schema. */
  open(role: Role, config: string): Awaitable<Connector>;
}

/** The export that the contract wants: `export const connector = expose(MyConnector)`. */
export function expose(type: ConnectorClass) {
  let session: Connector | undefined;
  const answered = async <T>(call: () => Awaitable<T>): Promise<T> => {
    try {
      return await call();
    } catch (thrown) {
      throw asConnectorError(thrown);
    }
  };
  const opened = <T>(call: (session: Connector) => Awaitable<T>): Promise<T> =>
    answered(() => {
      if (session === undefined) throw new ConnectorError("internal", "the session is not open");
      return call(session);
    });
  return {
    spec: () => type.spec(),
    open: (role: Role, config: string) =>
      answered(async () => {
        if (session !== undefined) throw new ConnectorError("internal", "this session is open already");
        session = await type.open(role, config);
      }),
    check: (objects: string[]) => opened((it) => it.check(objects)),
    discover: (objects: string[]) => opened((it) => it.discover(objects)),
    start: (selections: Selection[]) => opened((it) => it.start(selections)),
    release: () => opened((it) => it.release()),
    read: (request: PageRequest) => opened((it) => it.read(request)),
    changes: (request: ChangesRequest) => opened((it) => it.changes(request)),
    fetch: (request: FetchRequest) => opened((it) => it.fetch(request)),
    write: (request: WriteRequest) => opened((it) => it.write(request)),
    ensure: (request: EnsureRequest) => opened((it) => it.ensure(request)),
    ingest: (request: Webhook) => opened((it) => it.ingest(request)),
  };
}
