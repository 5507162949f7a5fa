//! What a component imports of the host, as far as it is of use: `import { log } from "lockstep:connector/host@0.1.0"`.

declare module "lockstep:connector/host@0.1.0" {
  /** A line for the operator's log; the host bounds how many. */
  export function log(level: "error" | "warn" | "info" | "debug" | "trace", message: string): void;
  /** Progress of a long call, for people. */
  export function progress(what: string, done: bigint, total: bigint | undefined): void;
  /** What the system said about a rate limit. */
  export function rateLimit(
    name: string, used: bigint | undefined, limit: bigint | undefined, resetsInMs: bigint | undefined): void;
}

/** Operations on secrets that never enter the sandbox. They throw an object whose `payload` is words. */
declare module "lockstep:connector/credentials@0.1.0" {
  export function hmacSha256(secret: string, message: Uint8Array): Uint8Array;
  export function signRs256(secret: string, message: Uint8Array): Uint8Array;
  export function signIn(anew: boolean): { name: string; value: string }[];
}

declare module "wasi:http/outgoing-handler@0.2.12" {
  import type { FutureIncomingResponse, OutgoingRequest, RequestOptions } from "wasi:http/types@0.2.12";
  export function handle(request: OutgoingRequest, options: RequestOptions | undefined): FutureIncomingResponse;
}

/** Where the contract says `result`, an error is thrown as an object with a `payload`, or told as `ErrorCode`. */
declare module "wasi:http/types@0.2.12" {
  /** Something the host holds for this session until it is given back. */
  export interface Resource { readonly [kept: symbol]: unknown }
  export interface Method { tag: string; val?: string }
  export interface ErrorCode { tag: string; val?: unknown }
  type Result<T, E> = { tag: "ok"; val: T } | { tag: "err"; val: E };

  export class Fields implements Resource {
    static fromList(entries: [string, Uint8Array][]): Fields;
    entries(): [string, Uint8Array][];
    readonly [kept: symbol]: unknown;
  }
  export class OutgoingRequest implements Resource {
    constructor(headers: Fields);
    body(): OutgoingBody;
    setMethod(method: Method): void;
    setScheme(scheme: { tag: "HTTP" | "HTTPS" }): void;
    setAuthority(authority: string): void;
    setPathWithQuery(path: string): void;
    readonly [kept: symbol]: unknown;
  }
  export class RequestOptions implements Resource {
    constructor();
    setConnectTimeout(nanoseconds: bigint): void;
    setFirstByteTimeout(nanoseconds: bigint): void;
    setBetweenBytesTimeout(nanoseconds: bigint): void;
    readonly [kept: symbol]: unknown;
  }
  export class OutgoingBody implements Resource {
    static finish(body: OutgoingBody, trailers: Fields | undefined): void;
    write(): OutputStream;
    readonly [kept: symbol]: unknown;
  }
  export interface OutputStream extends Resource {
    checkWrite(): bigint;
    write(bytes: Uint8Array): void;
    subscribe(): Pollable;
  }
  export interface InputStream extends Resource { blockingRead(bytes: bigint): Uint8Array }
  export interface Pollable extends Resource { block(): void }
  export interface FutureIncomingResponse extends Resource {
    subscribe(): Pollable;
    get(): Result<Result<IncomingResponse, ErrorCode>, unknown> | undefined;
  }
  export interface IncomingResponse extends Resource {
    status(): number;
    headers(): Fields;
    consume(): IncomingBody;
  }
  export interface IncomingBody extends Resource { stream(): InputStream }
}
