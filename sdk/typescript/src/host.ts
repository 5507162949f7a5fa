//! Requests carried out by the host over `wasi:http`: it reaches only what is granted, puts tokens on them itself, and
//! says in words what it refuses.
//!
//! The engine's own `fetch()` works, too. But it gives back what a request holds of the host only with the session, which
//! may hold a thousand such things (`handles`), and it does not tell a request that never left from a lost answer.

import { handle } from "wasi:http/outgoing-handler@0.2.12";
import {
  Fields, OutgoingBody, OutgoingRequest, RequestOptions,
  type ErrorCode, type FutureIncomingResponse, type IncomingResponse, type Method, type Resource,
} from "wasi:http/types@0.2.12";

import { Unanswered, type Answer, type Asked, type Client } from "./http.js";

/** Bytes asked of the host at a time. */
const READ_BYTES = 256n * 1_024n;
/** Bytes of an answer's body that are read. The host has a bound of its own. */
const ANSWER_BYTES_MAX = 64 * 1_024 * 1_024;
const TIMEOUT_MS = 30_000;

/** Sends through the host. Has no state of its own. */
export const hostClient: Client = {
  async send(url: string, asked: Asked = {}): Promise<Answer> {
    const future = begin(url, asked);
    // Others that were begun meanwhile are on their way while this one is waited for.
    await undefined;
    return finish(future);
  },
};

function begin(url: string, asked: Asked): FutureIncomingResponse {
  const found = /^(https?):\/\/([^/?#@]+)([^#]*)/.exec(url);
  if (found === null) throw new Unanswered("not-sent", `this is no address: ${url}`);
  const [, scheme, authority = "", path = ""] = found;
  const text = asked.body ?? (asked.json === undefined ? "" : JSON.stringify(asked.json));
  const headers: [string, Uint8Array][] = Object.entries({
    accept: "application/json",
    ...(asked.json === undefined ? {} : { "content-type": "application/json" }),
    ...asked.headers,
  }).map(([name, value]) => [name.toLowerCase(), new TextEncoder().encode(value)]);
  const request = new OutgoingRequest(fields(headers));
  request.setMethod(methodOf(asked.method ?? "GET"));
  request.setScheme({ tag: scheme === "https" ? "HTTPS" : "HTTP" });
  refusing(() => request.setAuthority(authority), `no such host: ${url}`);
  refusing(() => request.setPathWithQuery(path.startsWith("/") ? path : `/${path}`), `no such path: ${url}`);
  const body = text === "" ? undefined : request.body();
  let future: FutureIncomingResponse;
  try {
    future = handle(request, optionsOf(asked.timeoutMs ?? TIMEOUT_MS));
  } catch (thrown) {
    if (body !== undefined) drop(body);
    throw failure(thrown);
  }
  if (body !== undefined) handOver(body, new TextEncoder().encode(text));
  return future;
}

function fields(headers: [string, Uint8Array][]): Fields {
  try {
    return Fields.fromList(headers);
  } catch {
    throw new Unanswered("not-sent", "a header is malformed, or one that only the host may set");
  }
}

function refusing(set: () => void, words: string): void {
  try {
    set();
  } catch {
    throw new Unanswered("not-sent", words);
  }
}

const METHODS = ["GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"];

function methodOf(name: string): Method {
  return METHODS.includes(name) ? { tag: name.toLowerCase() } : { tag: "other", val: name };
}

function optionsOf(timeoutMs: number): RequestOptions {
  const options = new RequestOptions();
  const nanoseconds = BigInt(Math.ceil(timeoutMs)) * 1_000_000n;
  options.setConnectTimeout(nanoseconds);
  options.setFirstByteTimeout(nanoseconds);
  options.setBetweenBytesTimeout(nanoseconds);
  return options;
}

/** The body goes to the host's memory, so this waits for nobody else. */
function handOver(body: OutgoingBody, bytes: Uint8Array): void {
  const stream = body.write();
  let sent = 0;
  try {
    while (sent < bytes.length) {
      const room = Number(stream.checkWrite());
      if (room === 0) {
        const writable = stream.subscribe();
        writable.block();
        drop(writable);
        continue;
      }
      const end = Math.min(bytes.length, sent + room);
      stream.write(bytes.subarray(sent, end));
      sent = end;
    }
  } catch {
    // The host has stopped listening: why, the answer tells.
  }
  drop(stream);
  if (sent < bytes.length) {
    drop(body);
    return;
  }
  try {
    OutgoingBody.finish(body, undefined);
  } catch (thrown) {
    throw failure(thrown);
  }
}

function finish(future: FutureIncomingResponse): Answer {
  try {
    const ready = future.subscribe();
    ready.block();
    drop(ready);
    const told = future.get();
    if (told === undefined || told.tag === "err") throw new Unanswered("unknown", "no answer came");
    if (told.val.tag === "err") throw failure({ payload: told.val.val });
    return read(told.val.val);
  } finally {
    drop(future);
  }
}

/** What belongs to something else is given back before it. */
function read(response: IncomingResponse): Answer {
  const status = response.status();
  const headers = new Map<string, string>();
  const told = response.headers();
  const decoder = new TextDecoder();
  for (const [name, value] of told.entries()) {
    const known = headers.get(name.toLowerCase());
    const text = decoder.decode(value);
    headers.set(name.toLowerCase(), known === undefined ? text : `${known}, ${text}`);
  }
  drop(told);
  const body = response.consume();
  const stream = body.stream();
  const parts: Uint8Array[] = [];
  let length = 0;
  try {
    for (;;) {
      const part = stream.blockingRead(READ_BYTES);
      length += part.length;
      if (length > ANSWER_BYTES_MAX) throw new Unanswered("unknown", `the answer has more than ${ANSWER_BYTES_MAX} bytes`);
      parts.push(part);
    }
  } catch (thrown) {
    const { payload } = thrown as { payload?: { tag: string; val?: Resource & { toDebugString(): string } } };
    if (payload?.tag === "last-operation-failed" && payload.val !== undefined) {
      const words = payload.val.toDebugString();
      drop(payload.val);
      throw new Unanswered("unknown", words);
    }
    if (payload?.tag !== "closed") throw thrown;
  } finally {
    drop(stream);
    drop(body);
    drop(response);
  }
  return { status, headers, text: decoder.decode(joined(parts, length)) };
}

function joined(parts: Uint8Array[], length: number): Uint8Array {
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Gives back what the host holds for it. */
function drop(resource: Resource): void {
  const dispose = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for("dispose");
  (resource as unknown as Record<symbol, () => void>)[dispose]?.();
}

const NOT_SENT: Record<string, string> = {
  "DNS-timeout": "looking the host up took too long",
  "DNS-error": "the host cannot be looked up",
  "destination-not-found": "the host has no address",
  "destination-unavailable": "the host cannot be reached",
  "destination-IP-unroutable": "the host cannot be reached",
  "connection-refused": "the host refuses connections",
  "connection-timeout": "connecting took too long",
  "connection-limit-reached": "too many requests at a time",
  "TLS-protocol-error": "the encryption could not be agreed on",
  "TLS-certificate-error": "the host's certificate is not trusted",
  "TLS-alert-received": "the host ended the encryption",
};

/** Only what certainly happened before anything was sent counts as not sent. */
function failure(thrown: unknown): Unanswered {
  const { payload } = thrown as { payload?: ErrorCode };
  const tag = payload?.tag ?? "no words";
  if (tag === "internal-error" && typeof payload?.val === "string") {
    const [, kind, words = ""] = /^(denied|not sent): ([^]*)$/.exec(payload.val) ?? [];
    if (kind === undefined) return new Unanswered("unknown", payload.val);
    return new Unanswered(kind === "denied" ? "denied" : "not-sent", words);
  }
  if (tag === "HTTP-request-denied" || tag === "destination-IP-prohibited") {
    return new Unanswered("denied", "it is not granted to this connector");
  }
  const words = NOT_SENT[tag];
  if (words !== undefined) return new Unanswered("not-sent", words);
  const isMalformed = tag === "configuration-error" || tag.startsWith("HTTP-request-");
  return new Unanswered(isMalformed ? "not-sent" : "unknown", tag);
}
