//! The service's requests and answers. What an answer means for a write is decided in `write`.

import { ConnectorError, ask, retryAfterMs, type Answer, type Asked, type Client } from "lockstep-sdk";

import type { Config, ObjectConfig } from "./config.js";
import { ExactNumber, at, parseExact, writeExact, type Json } from "./exact.js";
import { nextToken, pageUrl } from "./paging.js";

/** Without a word of the service's own. */
const PAUSE_MS = 1_000;
const WORDS_MAX = 300;
/** More rows in one page are not believed. */
const PAGE_ROWS_MAX = 20_000;

export type Item = { [name: string]: Json };

export interface ListPage {
  rows: Item[];
  /** Empty: the last page. */
  next: string;
  /** The service's clock when it answered, in milliseconds; ours where it does not tell. */
  servedAt: number;
  /** Letters of the answer. */
  length: number;
}

export class Service {
  readonly #client: Client;

  constructor(client: Client, readonly config: Config) {
    this.#client = client;
  }

  async page(object: ObjectConfig, token: string, size: number, since?: string): Promise<ListPage> {
    const answer = await this.#ask(pageUrl(this.config.baseUrl, object, token, size, since));
    const body = understood(answer);
    const rows = at(body, object.rows);
    if (!Array.isArray(rows) || rows.length > PAGE_ROWS_MAX) {
      throw new ConnectorError("config", `the list of ${object.name} has no rows at \`${object.rows}\``, {
        remedy: `Say in \`rows\` of ${object.name} where in the answer the list is.`,
      });
    }
    const served = Date.parse(answer.headers.get("date") ?? "");
    return {
      rows: rows.map((row) => asItem(row, object)),
      next: nextToken(this.config.baseUrl, object, token, answer, body, rows.length),
      servedAt: Number.isNaN(served) ? Date.now() : served,
      length: answer.text.length,
    };
  }

  /** One row and its ETag; undefined: there is none. */
  async item(object: ObjectConfig, id: string): Promise<{ row: Item; etag: string } | undefined> {
    const answer = await this.#ask(this.#itemUrl(object, id), true);
    if (answer.status === 404 || answer.status === 410) return undefined;
    return { row: asItem(at(understood(answer), object.row), object), etag: answer.headers.get("etag") ?? "" };
  }

  /** As the other writes: throws `Unanswered` where no answer came. */
  create(object: ObjectConfig, id: string | undefined, body: Item): Promise<Answer> {
    if (id !== undefined && object.create === "PUT") {
      return this.#send(this.#itemUrl(object, id), { method: "PUT", headers: { "if-none-match": "*" } }, body);
    }
    return this.#send(this.config.baseUrl + (object.list.split("?")[0] ?? ""), { method: "POST" }, body);
  }

  update(object: ObjectConfig, id: string, etag: string, body: Item): Promise<Answer> {
    return this.#send(this.#itemUrl(object, id), { method: "PATCH", headers: { "if-match": etag } }, body);
  }

  delete(object: ObjectConfig, id: string, etag: string): Promise<Answer> {
    return this.#send(this.#itemUrl(object, id), { method: "DELETE", headers: { "if-match": etag } });
  }

  #itemUrl(object: ObjectConfig, id: string): string {
    return this.config.baseUrl + object.item.replaceAll("{id}", encodeURIComponent(id));
  }

  #send(url: string, asked: Asked, body?: Item): Promise<Answer> {
    const headers = { ...this.config.headers, ...asked.headers };
    if (body === undefined) return this.#client.send(url, { ...asked, headers });
    return this.#client.send(url, { ...asked, headers: { ...headers, "content-type": "application/json" }, body: writeExact(body) });
  }

  async #ask(url: string, mayBeMissing = false): Promise<Answer> {
    const answer = await ask(this.#client, url, { headers: this.config.headers });
    const { status } = answer;
    if (status < 300 || (mayBeMissing && (status === 404 || status === 410))) return answer;
    throw refusal(answer);
  }
}

/** What an answer that is none means for the whole call. */
export function refusal(answer: Answer): ConnectorError {
  const { status } = answer;
  const words = wordsOf(answer);
  if (status === 401) return new ConnectorError("auth", words);
  if (status === 403) return new ConnectorError("denied", words);
  if (status === 404 || status === 410) return new ConnectorError("not-found", words, { remedy: "Look at `list` and `item`." });
  if (status === 429) return new ConnectorError("throttled", words, { retryAfterMs: pauseMs(answer) });
  return new ConnectorError(status >= 500 ? "unavailable" : "internal", words);
}

export const pauseMs = (answer: Answer): number => retryAfterMs(answer) ?? PAUSE_MS;

/** What the service says went wrong, where it says so in one of the usual places. */
export function wordsOf(answer: Answer): string {
  let found: Json | undefined;
  try {
    const body = parseExact(answer.text);
    found = ["message", "detail", "error.message", "error", "title"].map((path) => at(body, path))
      .find((value) => typeof value === "string");
  } catch {
    found = undefined;
  }
  const words = typeof found === "string" ? found.slice(0, WORDS_MAX) : "no words";
  return `the service answered ${answer.status}: ${words}`;
}

export function understood(answer: Answer): Json {
  try {
    return parseExact(answer.text);
  } catch {
    throw new ConnectorError("internal", `the service answered ${answer.status} with something that is no JSON`);
  }
}

export function asItem(row: Json | undefined, object: ObjectConfig): Item {
  if (row === undefined || row === null || typeof row !== "object" || Array.isArray(row) || row instanceof ExactNumber) {
    throw new ConnectorError("config", `a row of ${object.name} is no object`, {
      remedy: `Say in \`rows\` and \`row\` of ${object.name} where in the answers the rows are.`,
    });
  }
  return row;
}
