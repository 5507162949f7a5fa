//! What becomes of one intent: compared with what is there, written under the service's own precondition, and looked at
//! again when somebody was faster.

import { ConnectorError, absent, rejected, sameCell, type Intent, type Outcome, type Row } from "lockstep-sdk";

import { cell, fields, idOf, row, type Note } from "./note.js";
import type { Service, Written } from "./service.js";

/** How often somebody may be faster before the intent is put off. */
const ATTEMPTS = 5;
const PAUSE_MS = 200;

export function writeOne(service: Service, intent: Intent, columns: string[], returning: string[]): Promise<Outcome> {
  switch (intent.action) {
    case "create": return create(service, intent, columns, returning);
    case "update":
    case "delete": return change(service, intent, columns, returning);
    default: throw new ConnectorError("unsupported", `the action ${String(intent.action)}`);
  }
}

async function create(service: Service, intent: Intent, columns: string[], returning: string[]): Promise<Outcome> {
  const told = fields(columns, intent.cells);
  // The caller's id makes a create repeatable: the service refuses the second.
  if (typeof told.id !== "string") return rejected("missing", "not-null", "a note needs an id", ["id"]);
  const answer = await service.create(told.id, told);
  if (answer.is === "precondition" && answer.note) return { tag: "duplicate", val: row(answer.note, returning) };
  return settled(answer, undefined, returning);
}

async function change(service: Service, intent: Intent, columns: string[], returning: string[]): Promise<Outcome> {
  const id = idOf(intent.key);
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    const there = await service.get(id);
    if (there === undefined) return { tag: "gone" };
    const holds = columns.every((name, index) => {
      const expected = intent.expected[index] ?? absent;
      return expected.tag === "absent" || sameCell(cell(there, name), expected);
    });
    if (!holds) return { tag: "conflict", val: row(there, returning) };
    const answer = intent.action === "delete"
      ? await service.delete(id, there.revision)
      : await service.update(id, there.revision, fields(columns, intent.cells));
    // Somebody was faster: what they wrote may be another column's.
    if (answer.is !== "precondition") return settled(answer, there, returning);
  }
  return { tag: "throttled", val: PAUSE_MS };
}

/** `before`: the note as it was; what a delete shows. */
function settled(answer: Written, before: Note | undefined, returning: string[]): Outcome {
  switch (answer.is) {
    case "done": return { tag: "applied", val: shown(answer.note ?? before, returning) };
    case "not-found": return { tag: "gone" };
    case "precondition": return { tag: "conflict", val: shown(answer.note ?? before, returning) };
    case "refused": return rejected(answer.code, classOf(answer.code), answer.message, [answer.field]);
    case "throttled": return { tag: "throttled", val: answer.afterMs };
    case "unavailable": return { tag: "unavailable", val: answer.why };
    case "unknown": return { tag: "unknown", val: answer.why };
  }
}

function shown(note: Note | undefined, returning: string[]): Row {
  return note ? row(note, returning) : { key: [], cells: [], version: new Uint8Array(0) };
}

function classOf(code: string): string {
  switch (code) {
    case "too_long": return "too-long";
    case "bad_value": return "type";
    case "missing": return "not-null";
    default: return "validation";
  }
}
