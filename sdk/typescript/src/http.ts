//! Requests by the ordinary `fetch()`, with what kept one from being answered put into the contract's words. The host
//! carries them out: it reaches only what is granted, and puts tokens on them itself.

import { ConnectorError, asConnectorError } from "./errors.js";

/** An answer, read to its end. */
export interface Answer { status: number; headers: Headers; text: string }

export interface Asked {
  method?: string;
  headers?: Record<string, string>;
  /** Sent as JSON. */
  json?: unknown;
  /** Sent as it is. */
  body?: string;
}

/** `undefined`: no answer came, and nobody knows whether the request arrived. */
export async function send(url: string, asked: Asked = {}): Promise<Answer | undefined> {
  const init: RequestInit = { method: asked.method ?? "GET", headers: { accept: "application/json", ...asked.headers } };
  if (asked.json !== undefined) {
    init.headers = { ...init.headers, "content-type": "application/json" };
    init.body = JSON.stringify(asked.json);
  }
  if (asked.body !== undefined) init.body = asked.body;
  try {
    const response = await fetch(url, init);
    return { status: response.status, headers: response.headers, text: await response.text() };
  } catch {
    return undefined;
  }
}

/** A request that changes nothing: whatever keeps it from being answered passes. */
export async function ask(url: string, asked: Asked = {}): Promise<Answer> {
  const answer = await send(url, asked);
  if (answer === undefined) throw new ConnectorError("unavailable", `no answer from ${originOf(url)}`);
  return answer;
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

function originOf(url: string): string {
  return /^[a-z]+:\/\/[^/?#]*/.exec(url)?.[0] ?? "an address that is none";
}
