//! Write a Lockstep connector in TypeScript. Comes with `lockstep connector new`; nothing here is yours to change.

export * from "./cells.js";
export * from "./connector.js";
export * from "./describe.js";
export * from "./errors.js";
export * from "./http.js";
export type * from "./model.js";
