//! What a connector throws: a code that the host acts on, and words that a person can use.

import type { Extra } from "./model.js";

export type ErrorCode =
  | "retry" | "throttled" | "unavailable" | "auth" | "denied" | "config" | "not-found" | "cursor-invalid" | "unsupported"
  | "internal";

/** The contract's `error`: what a function of the interface answers instead of a result. */
export interface ErrorPayload {
  code: string;
  message: string;
  remedy: string;
  retryAfterMs?: number | undefined;
  extras: Extra[];
}

export interface ErrorDetails { remedy?: string; retryAfterMs?: number }

/** Throw one to answer a call with an error; the session lives on. */
export class ConnectorError extends Error {
  readonly code: ErrorCode;
  /** Under this name the bindings look for what crosses. */
  readonly payload: ErrorPayload;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message);
    this.code = code;
    this.payload = { code, message, remedy: details.remedy ?? "", retryAfterMs: details.retryAfterMs, extras: [] };
  }
}

/** Whatever was thrown, as an error that crosses: a mistake in the connector is `internal`, and says where. */
export function asConnectorError(thrown: unknown): ConnectorError {
  if (thrown instanceof ConnectorError) return thrown;
  const words = thrown instanceof Error ? `${thrown.name}: ${thrown.message}` : String(thrown);
  return new ConnectorError("internal", words);
}
