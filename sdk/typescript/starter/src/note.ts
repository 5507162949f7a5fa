//! A note as the service shows it, and as the contract's rows. No requests here.

import {
  ConnectorError, absent, boolean, bytesOfNumber, column, columnType, integer, json, nothing, sourceObject, text,
  type Cell, type Row, type SourceObject,
} from "lockstep-sdk";

/** The service's one object. */
export const OBJECT = "notes";

/** Letters a title may have. */
const TITLE_MAX = 200;
const ID_MAX = 64;

export interface Note {
  id: string;
  revision: number;
  [field: string]: unknown;
}

const COLUMNS = [
  column("id", columnType("text", "text", { length: ID_MAX }), { nullable: false, updateable: false, unique: true }),
  column("title", columnType("text", "text", { length: TITLE_MAX }), { nullable: false }),
  column("body", columnType("text", "text")),
  column("stars", columnType("int", "int")),
  column("done", columnType("bool", "bool")),
];

export function describe(): SourceObject {
  return sourceObject(OBJECT, COLUMNS, ["id"], { uniqueKeys: [] });
}

/** Refuses what does not exist, by name. */
export function checkColumns(object: string, names: string[]): void {
  if (object !== OBJECT) throw new ConnectorError("not-found", `there is no object ${object}`);
  const unknown = names.find((name) => !COLUMNS.some((known) => known.name === name));
  if (unknown !== undefined) throw new ConnectorError("not-found", `notes have no column ${unknown}`);
}

/** What the service leaves out is null, not absent: it leaves out what is empty. */
export function cell(note: Note, name: string): Cell {
  const value = note[name];
  if (value === undefined || value === null) return nothing;
  if (typeof value === "string") return text(value);
  if (typeof value === "boolean") return boolean(value);
  if (typeof value === "number" && Number.isSafeInteger(value)) return integer(value);
  return json(JSON.stringify(value));
}

export const cells = (note: Note, columns: string[]): Cell[] => columns.map((name) => cell(note, name));

export function row(note: Note, columns: string[]): Row {
  return { key: [text(note.id)], cells: cells(note, columns), version: bytesOfNumber(BigInt(note.revision)) };
}

/** What is told of a note, for a request's body. */
export function fields(columns: string[], told: Cell[]): Record<string, unknown> {
  const made: Record<string, unknown> = {};
  columns.forEach((name, index) => {
    const value = told[index] ?? absent;
    switch (value.tag) {
      case "absent": break;
      case "null": made[name] = null; break;
      case "boolean":
      case "text": made[name] = value.val; break;
      case "integer": made[name] = jsonNumber(value.val); break;
      default: throw new ConnectorError("internal", `a note holds no value of kind ${value.tag}`);
    }
  });
  return made;
}

/** A number that JSON.stringify writes as it is: a double would round a large one. */
function jsonNumber(value: bigint): number {
  const made = Number(value);
  if (BigInt(made) !== value || !Number.isSafeInteger(made)) {
    throw new ConnectorError("unsupported", `${value} is more than a number of JavaScript holds`);
  }
  return made;
}

/** The id that a key names. */
export function idOf(key: Cell[]): string {
  const [id] = key;
  if (key.length !== 1 || id?.tag !== "text") throw new ConnectorError("internal", "not a key of notes");
  return id.val;
}
