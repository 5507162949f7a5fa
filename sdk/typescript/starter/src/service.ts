//! The service's requests and answers. What an answer means for a write is decided in `write`; what a note looks like is
//! `note`'s.

import {
  ConnectorError, Unanswered, ask, parsed, retryAfterMs, type Answer, type Asked, type Client,
} from "lockstep-sdk";

import type { Note } from "./note.js";

/** `note` missing: it was deleted. */
export interface Change { number: number; id: string; note?: Note | null }

/** What became of a request that writes. */
export type Written =
  | { is: "done"; note?: Note }
  | { is: "not-found" }
  /** It is not at the revision that was asked for. */
  | { is: "precondition"; note?: Note }
  | { is: "refused"; code: string; field: string; message: string }
  | { is: "throttled"; afterMs: number }
  | { is: "unavailable"; why: string }
  /** The request left, and no answer came. */
  | { is: "unknown"; why: string };

const PAUSE_MS = 1_000;
/** How long an answer may take. */
const ANSWER_MS = 30_000;

export class Service {
  readonly #client: Client;
  readonly #base: string;

  constructor(client: Client, baseUrl: string) {
    this.#client = client;
    this.#base = baseUrl.replace(/\/+$/, "");
  }

  async status(): Promise<void> {
    await this.#ask("/status");
  }

  async list(after: string, limit: number): Promise<{ notes: Note[]; next?: string | null }> {
    return parsed(await this.#ask(`/notes?after=${encodeURIComponent(after)}&limit=${limit}`));
  }

  async get(id: string): Promise<Note | undefined> {
    const answer = await this.#ask(`/notes/${encodeURIComponent(id)}`, { mayBeMissing: true });
    return answer.status === 404 ? undefined : parsed<Note>(answer);
  }

  /** Changes after that number, and the number of the last there is. */
  async changes(after: bigint, limit: number, waitMs: number): Promise<{ changes: Change[]; last: number }> {
    return parsed(await this.#ask(`/changes?after=${after}&limit=${limit}&wait_ms=${waitMs}`, { waitMs }));
  }

  async lastChange(): Promise<bigint> {
    const { last } = parsed<{ last?: unknown }>(await this.#ask("/changes"));
    if (typeof last !== "number") throw new ConnectorError("internal", "the service does not say where its log ends");
    return BigInt(last);
  }

  create(id: string, fields: Record<string, unknown>): Promise<Written> {
    return this.#write(id, { method: "PUT", json: fields });
  }

  update(id: string, revision: number, fields: Record<string, unknown>): Promise<Written> {
    return this.#write(id, { method: "PATCH", headers: { "if-match": `"${revision}"` }, json: fields });
  }

  delete(id: string, revision: number): Promise<Written> {
    return this.#write(id, { method: "DELETE", headers: { "if-match": `"${revision}"` } });
  }

  async #ask(path: string, { mayBeMissing = false, waitMs = 0 } = {}): Promise<Answer> {
    const answer = await ask(this.#client, this.#base + path, { timeoutMs: ANSWER_MS + waitMs });
    const { status } = answer;
    if (status < 300 || (status === 404 && mayBeMissing)) return answer;
    if (status === 401 || status === 403) throw new ConnectorError("auth", words(answer));
    if (status === 404) throw new ConnectorError("not-found", words(answer));
    if (status === 410) throw new ConnectorError("cursor-invalid", words(answer));
    if (status === 429) {
      throw new ConnectorError("throttled", words(answer), { retryAfterMs: retryAfterMs(answer) ?? PAUSE_MS });
    }
    throw new ConnectorError(status >= 500 ? "unavailable" : "internal", words(answer));
  }

  async #write(id: string, asked: Asked): Promise<Written> {
    let answer: Answer;
    try {
      answer = await this.#client.send(`${this.#base}/notes/${encodeURIComponent(id)}`, asked);
    } catch (thrown) {
      if (!(thrown instanceof Unanswered)) throw thrown;
      if (thrown.kind === "denied") throw new ConnectorError("denied", thrown.message);
      return { is: thrown.kind === "unknown" ? "unknown" : "unavailable", why: thrown.message };
    }
    const { status } = answer;
    if (status === 204) return { is: "done" };
    if (status < 300) return { is: "done", note: parsed<Note>(answer) };
    if (status === 401 || status === 403) throw new ConnectorError("auth", words(answer));
    if (status === 404) return { is: "not-found" };
    if (status === 429) return { is: "throttled", afterMs: retryAfterMs(answer) ?? PAUSE_MS };
    // It may have been done all the same.
    if (status >= 500) return { is: "unknown", why: words(answer) };
    const told = body(answer);
    if (status === 412) return told.note ? { is: "precondition", note: told.note } : { is: "precondition" };
    return { is: "refused", code: told.code ?? "", field: told.field ?? "", message: words(answer) };
  }
}

interface Told { message?: string; code?: string; field?: string; note?: Note }

function body(answer: Answer): Told {
  try {
    return (JSON.parse(answer.text) ?? {}) as Told;
  } catch {
    return {};
  }
}

/** What the service says went wrong. */
function words(answer: Answer): string {
  return `the service answered ${answer.status}: ${body(answer).message ?? "no words"}`;
}
