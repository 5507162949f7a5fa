//! What becomes of one intent: compared with what is there, written under the service's own precondition, and looked at
//! again when somebody was faster. A row without an ETag is not written: nothing would keep two writers apart.

import {
  ConnectorError, Unanswered, absent, asConnectorError, noBytes, rejected, type Answer, type Cell, type Intent,
  type Outcome, type Row,
} from "lockstep-sdk";

import { at, put } from "./exact.js";
import { asItem, pauseMs, refusal, understood, wordsOf, type Item, type Service } from "./service.js";
import type { Shape } from "./shape.js";
import { encode, sameValue } from "./value.js";

/** How often somebody may be faster before the intent is put off. */
const ATTEMPTS = 5;
const PAUSE_MS = 200;

/** Writes of one request: its object, and its columns. */
export class Writing {
  constructor(
    readonly service: Service, readonly shape: Shape, readonly columns: string[], readonly returning: string[]) {}

  /** What keeps one row from being written must not hide what became of the others. */
  async one(intent: Intent): Promise<Outcome> {
    try {
      return await this.#one(intent);
    } catch (thrown) {
      if (thrown instanceof Unanswered && thrown.kind === "unknown") return { tag: "unknown", val: thrown.message };
      if (thrown instanceof Unanswered && thrown.kind === "not-sent") return { tag: "unavailable", val: thrown.message };
      const { code, message, payload } = thrown instanceof Unanswered
        ? new ConnectorError("denied", thrown.message) : asConnectorError(thrown);
      switch (code) {
        case "unavailable": return { tag: "unavailable", val: message };
        case "throttled": return { tag: "throttled", val: payload.retryAfterMs ?? PAUSE_MS };
        case "auth":
        case "internal": throw thrown;
        default: return rejected(code, code === "denied" ? "denied" : "other", message, []);
      }
    }
  }

  #one(intent: Intent): Promise<Outcome> {
    if (!this.shape.object.isWritable) {
      const outcome = rejected("read-only", "read-only", `${this.shape.object.name} is not \`writable\``, this.columns);
      return Promise.resolve(outcome);
    }
    switch (intent.action) {
      case "create": return this.#create(intent);
      case "update":
      case "delete": return this.#change(intent);
      default: throw new ConnectorError("unsupported", `the action ${String(intent.action)}`);
    }
  }

  async #create(intent: Intent): Promise<Outcome> {
    const { object } = this.shape;
    const { body, refused } = this.#body(intent.cells, true);
    if (refused !== undefined) return refused;
    const given = intent.cells[this.columns.indexOf(object.id)] ?? absent;
    if (object.create === "PUT") {
      const id = idText(given);
      if (id === undefined) return rejected("missing", "not-null", `a row of ${object.name} needs its ${object.id}`, [object.id]);
      // Not every service heeds If-None-Match.
      const there = await this.#there(id);
      if (there !== undefined) return { tag: "duplicate", val: this.#row(there.row) };
      const answer = await this.service.create(object, id, body);
      if (answer.status === 412 || answer.status === 409) {
        const faster = await this.#there(id);
        if (faster !== undefined) return { tag: "duplicate", val: this.#row(faster.row) };
      }
      return this.#settled(answer, id, intent);
    }
    return this.#settled(await this.service.create(object, undefined, body), undefined, intent);
  }

  async #change(intent: Intent): Promise<Outcome> {
    const { object } = this.shape;
    const id = idText(intent.key[0] ?? absent);
    if (id === undefined) throw new ConnectorError("internal", `not a key of ${object.name}`);
    const { body, refused } = this.#body(intent.action === "delete" ? [] : intent.cells, false);
    if (refused !== undefined) return refused;
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const there = await this.#there(id);
      if (there === undefined) return { tag: "gone" };
      const holds = this.columns.every((field, index) => {
        const expected = intent.expected[index] ?? absent;
        return expected.tag === "absent" || sameValue(this.shape.cell(there.row, field), expected);
      });
      if (!holds) return { tag: "conflict", val: this.#row(there.row) };
      if (there.etag === "" || there.etag.startsWith("W/")) {
        const words = `the service gives no strong ETag with a row of ${object.name}: nothing would keep two writers apart`;
        return rejected("no-etag", "other", words, []);
      }
      const answer = intent.action === "delete"
        ? await this.service.delete(object, id, there.etag)
        : await this.service.update(object, id, there.etag, body);
      // Somebody was faster: what they wrote may be another field's.
      if (answer.status === 412 || answer.status === 409) continue;
      if (intent.action === "delete" && answer.status < 300) {
        return { tag: "applied", val: this.#row(there.row) };
      }
      return this.#settled(answer, id, intent);
    }
    return { tag: "throttled", val: PAUSE_MS };
  }

  /** The row, where it is there and not deleted. */
  async #there(id: string): Promise<{ row: Item; etag: string } | undefined> {
    const there = await this.service.item(this.shape.object, id);
    return there !== undefined && this.shape.isDeleted(there.row) ? undefined : there;
  }

  /** What is told, as the service's JSON; or why it cannot be. */
  #body(cells: Cell[], isCreate: boolean): { body: Item; refused?: Outcome } {
    const body: Item = {};
    const refuse = (code: string, field: string, words: string) => ({ body, refused: rejected(code, code, words, [field]) });
    const described = this.shape.describe().columns;
    for (const [index, field] of this.columns.entries()) {
      const cell = cells[index] ?? absent;
      if (cell.tag === "absent") continue;
      const known = described.find(({ name }) => name === field);
      const mayWrite = isCreate ? known?.createable : known?.updateable;
      if (mayWrite !== true) return refuse("read-only", field, `${field} is not ours to set`);
      const value = encode(cell, this.shape.kind(field));
      if (value === undefined) {
        return refuse("type", field, `${field} is ${this.shape.kind(field)} and does not take this ${cell.tag}`);
      }
      put(body, field, value);
    }
    return { body };
  }

  async #settled(answer: Answer, id: string | undefined, intent: Intent): Promise<Outcome> {
    const { status } = answer;
    if (status < 300) {
      try {
        return { tag: "applied", val: await this.#stored(answer, id, intent) };
      } catch (thrown) {
        return { tag: "unknown", val: `the service took it, and does not show it: ${asConnectorError(thrown).message}` };
      }
    }
    if (status === 401) throw refusal(answer);
    if (id !== undefined && (status === 404 || status === 410)) return { tag: "gone" };
    if (status === 429) return { tag: "throttled", val: pauseMs(answer) };
    // It may have been done all the same.
    if (status >= 500) return { tag: "unknown", val: wordsOf(answer) };
    const kind = status === 403 ? "denied" : status === 409 ? "unique" : "validation";
    return rejected(String(status), kind, wordsOf(answer), []);
  }

  /** The row as the service stored it: by its answer, or else looked up. */
  async #stored(answer: Answer, id: string | undefined, intent: Intent): Promise<Row> {
    const { object } = this.shape;
    const told = answer.status === 204 || answer.text === "" ? undefined : at(understood(answer), object.row);
    const isWhole = told !== undefined && told !== null && this.returning.every((field) => at(told, field) !== undefined);
    if (isWhole && at(told, object.id) !== undefined) return this.#row(asItem(told, object));
    const known = id ?? idText(this.shape.cell(asItem(told, object), object.id));
    const there = known === undefined ? undefined : await this.#there(known);
    if (there === undefined) {
      throw new ConnectorError("internal", `the service's answer does not tell which row of ${object.name} it made`);
    }
    const isUntouched = there.etag !== "" && there.etag === answer.headers.get("etag");
    const row = this.#row(there.row);
    return isUntouched ? row : { ...row, cells: asSent(row.cells, this.returning, intent.cells, this.columns) };
  }

  #row(item: Item): Row {
    return { ...this.shape.row(item, this.returning), version: noBytes };
  }
}

/**
 * A row that was looked up after a write, with what was sent wherever it shows something else: somebody may have set
 * that in between, and taken for how the service stores ours it would be lost. Changes tell of it.
 */
export function asSent(cells: Cell[], names: string[], sent: Cell[], columns: string[]): Cell[] {
  return cells.map((cell, index) => {
    const ours = sent[columns.indexOf(names[index] ?? "")] ?? absent;
    return ours.tag === "absent" || sameValue(ours, cell) ? cell : ours;
  });
}

/** A key's value as addresses write it. */
export function idText(cell: Cell): string | undefined {
  return cell.tag === "text" || cell.tag === "integer" || cell.tag === "decimal" ? String(cell.val) : undefined;
}
