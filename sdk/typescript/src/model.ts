//! The data of the contract (wit/v0.1.0/connector.wit, interface `model`), as TypeScript sees it: names in
//! camelCase, 64-bit integers as bigint, options as undefined, bytes as Uint8Array. What each means is told there.

export interface Uuid { high: bigint; low: bigint }

/** One value inside a list. */
export type Scalar =
  | { tag: "null" }
  | { tag: "boolean"; val: boolean }
  | { tag: "integer"; val: bigint }
  /** Plain decimal notation of any precision, or `NaN`, `Infinity`, `-Infinity`. */
  | { tag: "decimal"; val: string }
  | { tag: "float"; val: number }
  | { tag: "text"; val: string }
  | { tag: "bytes"; val: Uint8Array }
  /** Days since 1970-01-01. */
  | { tag: "date"; val: number }
  /** Microseconds since midnight. */
  | { tag: "time"; val: bigint }
  /** An instant, in microseconds since 1970-01-01T00:00:00Z. */
  | { tag: "timestamp"; val: bigint }
  /** A wall-clock time without zone, in microseconds since 1970-01-01T00:00:00. */
  | { tag: "local-timestamp"; val: bigint }
  | { tag: "uuid"; val: Uuid }
  /** JSON text as the system shows it. */
  | { tag: "json"; val: string };

/** One value of one column of one row. `absent`: not told in this row, so that what is known stays. */
export type Cell = { tag: "absent" } | Scalar | { tag: "many"; val: Scalar[] };

/** A named addition that this version of the contract has no field for. */
export interface Extra { name: string; value: string }

/** What a session is for. */
export type Role = "tail" | "write" | "read" | "ingest";

export interface AuthScheme {
  name: string;
  kind: "oauth2-client-credentials" | "oauth2-jwt-bearer" | "oauth2-refresh-token" | "bearer" | "api-key-header" | "basic";
  tokenUrl: string;
  clientId: string;
  subject: string;
  audience: string;
  scope: string;
  header: string;
  secret: string;
  clientSecret: string;
  hosts: string[];
  answers: string[];
  extras: Extra[];
}

export interface ConnectorSpec {
  name: string;
  version: string;
  changes: "log" | "webhook" | "poll" | "none";
  precondition: "atomic" | "precondition" | "read-check-write" | "none";
  /** Any of `delete`, `ensure`, `transactions`, `webhooks`, `truncate`, `release`. */
  abilities: string[];
  configSchema: string;
  cursorVersion: number;
  permissions: string[];
  credentials: string[];
  authSchemes: AuthScheme[];
  extras: Extra[];
}

export interface CheckItem { name: string; status: "ok" | "warn" | "fail"; message: string; remedy: string }

export interface ColumnType {
  /** `bool`, `int`, `decimal`, `float`, `text`, `bytes`, `date`, `time`, `timestamp`, `local-timestamp`, `uuid`, `json`, `enum`, `list`, `opaque`. */
  kind: string;
  /** The system's own name for it. */
  native: string;
  /** Characters for text, bytes for bytes, bits for int. */
  length?: number | undefined;
  precision?: number | undefined;
  scale?: number | undefined;
  values: string[];
  element?: string | undefined;
}

export interface Reference { object: string; columns: string[] }

export interface Column {
  name: string;
  label: string;
  type: ColumnType;
  nullable: boolean;
  hasDefault: boolean;
  createable: boolean;
  updateable: boolean;
  computed: boolean;
  unique: boolean;
  references?: Reference | undefined;
  comment: string;
  extras: Extra[];
}

/** `key` empty: the object cannot be synced, and `obstacle` says why. */
export interface SourceObject {
  name: string;
  label: string;
  columns: Column[];
  key: string[];
  uniqueKeys: string[][];
  rowsEstimate?: bigint | undefined;
  obstacle: string;
  extras: Extra[];
}

export interface Selection { object: string; columns: string[] }

export interface Row {
  key: Cell[];
  /** In the order of the request's columns. */
  cells: Cell[];
  /** Compares bytewise with the versions of changes to the same row; empty where it cannot be ordered. */
  version: Uint8Array;
  /** When the row was last changed, in microseconds since 1970, where known. */
  at?: bigint | undefined;
}

export interface PageRequest { selection: Selection; after: Uint8Array; maxRows: number; maxBytes: number }
/** `next` empty: this was the last page. */
export interface Page { rows: Row[]; next: Uint8Array }
export interface Position { cursor: Uint8Array; extras: Extra[] }

export type ChangeRow = Row;

export interface ChangeBatch {
  object: string;
  kind: "upsert" | "delete" | "invalidate" | "truncate" | "schema" | "gap";
  columns: string[];
  rows: ChangeRow[];
  origin: string;
}

export interface ChangesRequest {
  selections: Selection[];
  after: Uint8Array;
  /** All up to here is committed by the host: the source may forget it. */
  durable: Uint8Array;
  maxRecords: number;
  maxBytes: number;
  waitMs: number;
}

export interface ChangesAnswer {
  batches: ChangeBatch[];
  cursor: Uint8Array;
  more: boolean;
  lagBytes?: bigint | undefined;
  lagMs?: bigint | undefined;
}

export interface FetchRequest { selection: Selection; by: string[]; keys: Cell[][] }
/** `index`: position in the request's `keys`. */
export interface Found { index: number; row: Row }

export interface Intent {
  action: "create" | "update" | "delete";
  key: Cell[];
  /** In the order of the request's columns; `absent` is not written. */
  cells: Cell[];
  /** What each written column must still hold; `absent` is not compared. Empty for a create. */
  expected: Cell[];
}

export interface WriteRequest { object: string; columns: string[]; intents: Intent[]; returning: string[] }

export interface FieldOverwrite { column: string; value: Cell; by: string; at?: bigint | undefined }

export interface Rejection {
  code: string;
  /** `not-null`, `unique`, `foreign-key`, `check`, `too-long`, `out-of-range`, `type`, `denied`, `read-only`, `validation`, `other`. */
  class: string;
  message: string;
  columns: string[];
}

/** What became of an intent. One an intent, in order. */
export type Outcome =
  | { tag: "applied"; val: Row }
  /** The row no longer holds what was expected; nothing was written. */
  | { tag: "conflict"; val: Row }
  | { tag: "overwrote"; val: [Row, FieldOverwrite[]] }
  | { tag: "gone" }
  | { tag: "duplicate"; val: Row }
  | { tag: "rejected"; val: Rejection }
  /** Nothing written; try again after so many milliseconds. */
  | { tag: "throttled"; val: number }
  | { tag: "unavailable"; val: string }
  /** The request left and no answer came: may or may not be written. */
  | { tag: "unknown"; val: string }
  | { tag: "other"; val: [string, string] };

export interface WantedColumn {
  name: string;
  type: ColumnType;
  nullable: boolean;
  unique: boolean;
  references?: Reference | undefined;
  comment: string;
}

export interface EnsureRequest { object: string; columns: WantedColumn[]; key: string[]; dryRun: boolean }

export interface Webhook {
  method: string;
  path: string;
  url: string;
  headers: [string, string][];
  body: Uint8Array;
  receivedAt: bigint;
}

export interface WebhookAnswer { status: number; headers: [string, string][]; body: Uint8Array; batches: ChangeBatch[] }
