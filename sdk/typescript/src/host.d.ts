//! What the host offers besides `fetch()` and the clock: `import { log } from "lockstep:connector/host@0.1.0"`.

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
