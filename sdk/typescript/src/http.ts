//! Requests and answers, and what kept one from being answered. How they get to the host is `host`'s business: what takes
//! a `Client` is tried natively with one that answers by itself.

import { ConnectorError, asConnectorError } from "./errors.js";

/** An answer, read to its end. */
export interface Answer {
  status: number;
  /** Names in lower case; what came several times joined by commas. */
  headers: Map<string, string>;
  text: string;
}

export interface Asked {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: string;
  /** How long the answer may take to begin, and to go on; 30 s unless said. */
  timeoutMs?: number;
}

/** What a request is sent by. Several may be on their way: `Promise.all` of what it returns. */
export interface Client {
  /** Throws [`Unanswered`] where no answer came. */
  send(url: string, asked?: Asked): Promise<Answer>;
}

/** No answer came. `unknown`: and nobody knows whether the request arrived. */
export class Unanswered extends Error {
  constructor(readonly kind: "denied" | "not-sent" | "unknown", message: string) {
    super(message);
  }
}

/** A request that changes nothing: whatever keeps it from being answered passes, unless it is not allowed. */
export async function ask(client: Client, url: string, asked: Asked = {}): Promise<Answer> {
  try {
    return await client.send(url, asked);
  } catch (thrown) {
    if (!(thrown instanceof Unanswered)) throw thrown;
    throw new ConnectorError(thrown.kind === "denied" ? "denied" : "unavailable", thrown.message);
  }
}

/** The answer's JSON. */
export function parsed<T>(answer: Answer): T {
  try {
    return JSON.parse(answer.text) as T;
  } catch (thrown) {
    throw new ConnectorError("internal", `an answer that was not understood: ${asConnectorError(thrown).message}`);
  }
}

/** How long the system asks to be left alone (RFC 9110), in milliseconds. */
export function retryAfterMs(answer: Answer): number | undefined {
  const seconds = Number(answer.headers.get("retry-after") ?? Number.NaN);
  return Number.isFinite(seconds) && seconds >= 0 ? Math.ceil(seconds * 1_000) : undefined;
}
