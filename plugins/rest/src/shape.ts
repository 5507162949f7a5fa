//! An object's fields and types, as configured or as seen in a sample, and its rows as cells. Pure.

import {
  ConnectorError, column, columnType, noBytes, sourceObject, type Cell, type Row, type SourceObject,
} from "lockstep-sdk";

import type { ObjectConfig } from "./config.js";
import { ExactNumber, at, type Json } from "./exact.js";
import { dayOf, microsecondsOf } from "./instant.js";
import type { Item } from "./service.js";
import { contractKind, decode, plainDecimal, type Kind } from "./value.js";

/** Fields that a sample may tell of. */
const FIELDS_MAX = 500;

export class Shape {
  constructor(readonly object: ObjectConfig, readonly fields: Map<string, Kind>) {}

  kind(field: string): Kind {
    const kind = this.fields.get(field);
    if (kind === undefined) throw new ConnectorError("not-found", `${this.object.name} has no field ${field}`);
    return kind;
  }

  /** Refuses what does not exist, by name. */
  checkColumns(names: string[]): void {
    for (const name of names) this.kind(name);
  }

  cell(item: Item, field: string): Cell {
    return decode(at(item, field), this.kind(field), `${this.object.name}.${field}`);
  }

  cells(item: Item, columns: string[]): Cell[] {
    return columns.map((field) => this.cell(item, field));
  }

  key(item: Item): Cell[] {
    const key = this.cell(item, this.object.id);
    if (key.tag === "null") throw new ConnectorError("config", `a row of ${this.object.name} has no ${this.object.id}`);
    return [key];
  }

  /** Without a version: nothing says that two edits of one moment differ in it. */
  row(item: Item, columns: string[]): Row {
    return { key: this.key(item), cells: this.cells(item, columns), version: noBytes, at: this.modified(item) };
  }

  /** In microseconds; undefined where the row does not tell. */
  modified(item: Item): bigint | undefined {
    const { modified, modifiedKind, name } = this.object;
    const cell = decode(at(item, modified), modifiedKind, `${name}.${modified}`);
    return cell.tag === "timestamp" ? cell.val : undefined;
  }

  isDeleted(item: Item): boolean {
    const { deleted } = this.object;
    const told = deleted === "" ? false : at(item, deleted);
    return told !== undefined && told !== null && told !== false && told !== "" && told !== 0;
  }

  describe(): SourceObject {
    const { name, id, modified, deleted, isWritable, create } = this.object;
    if (!this.fields.has(id)) {
      const obstacle = `its first page has no row to tell its fields from: name them in \`fields\` of ${name}`;
      return sourceObject(name, [], [], { obstacle });
    }
    const isSettled = (field: string) => field === modified || field === deleted;
    const columns = [...this.fields].map(([field, kind]) => {
      const isKey = field === id;
      const isGiven = isKey ? create === "PUT" : !isSettled(field);
      return column(field, columnType(contractKind(kind), kind), {
        nullable: !isKey,
        unique: isKey,
        createable: isWritable && isGiven,
        updateable: isWritable && !isKey && !isSettled(field),
        computed: isSettled(field),
        hasDefault: isKey && create !== "PUT",
      });
    });
    return sourceObject(name, columns, [id]);
  }
}

/** The same fields for the same rows: by name. A field that holds several kinds of values is `json`. */
export function sampled(object: ObjectConfig, rows: Item[]): Map<string, Kind> {
  const seen = new Map<string, Kind | undefined>();
  for (const row of rows) {
    for (const [field, value] of Object.entries(row)) {
      // A dot would be taken for a path.
      if (field.includes(".") || field === "") continue;
      const kind = kindOf(value);
      const known = seen.get(field);
      if (kind === undefined || known === undefined) seen.set(field, known ?? kind);
      else if (known !== kind) seen.set(field, both(known, kind));
    }
  }
  const fields = [...seen].sort(([one], [other]) => (one < other ? -1 : 1)).slice(0, FIELDS_MAX);
  const made = new Map(fields.map(([field, kind]) => [field, kind ?? "text"] as const));
  if (made.has(object.modified)) made.set(object.modified, object.modifiedKind);
  return made;
}

/** undefined: null tells nothing. */
function kindOf(value: Json): Kind | undefined {
  if (value === null) return undefined;
  if (typeof value === "boolean") return "bool";
  if (typeof value === "string") {
    if (microsecondsOf(value) !== undefined) return "timestamp";
    return dayOf(value) === undefined ? "text" : "date";
  }
  if (typeof value === "number" || value instanceof ExactNumber) {
    const digits = value instanceof ExactNumber ? value.digits : String(value);
    return plainDecimal(digits)?.includes(".") === false ? "int" : "decimal";
  }
  return "json";
}

function both(one: Kind, other: Kind): Kind {
  const is = (...kinds: Kind[]) => kinds.includes(one) && kinds.includes(other);
  if (is("int", "decimal")) return "decimal";
  return is("text", "date", "timestamp") ? "text" : "json";
}
