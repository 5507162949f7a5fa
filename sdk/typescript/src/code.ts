//! Code for one field or one rule, where an expression says too little: a transform makes values, a policy decides
//! conflicts (wit/v0.1.0/code.wit). Each call gets an instance of its own and is a function of its arguments: clocks stand
//! still, what is called random is the same each time, and there is nothing else. Nothing is waited for: no promises.

import type { Cell, ColumnType } from "./model.js";

export * from "./cells.js";
export { columnType } from "./describe.js";
export type { Cell, ColumnType, Scalar, Uuid } from "./model.js";

/** Why there is no answer: a person is asked then. The words are logged, so no value may be in them. */
export class Refusal extends Error {
  readonly payload: string;

  constructor(words: string) {
    super(words);
    this.name = "Refusal";
    this.payload = words;
  }
}

/** One value that a transform takes. `kinds` empty: of any column. */
export interface Parameter { name: string; kinds: string[] }

/** Makes a value of others, and, where it has `write`, the column's own of it. */
export interface Transform {
  name: string;
  version: string;
  /** One that writes takes exactly one value. */
  takes: Parameter[];
  /** The type of what `read` gives. */
  gives: ColumnType;
  /** The value made of these, one for each that it takes. */
  read(values: Cell[]): Cell;
  /** The column's own value that reads back as this one. */
  write?(value: Cell): Cell;
}

/** Who set a value, and when: microseconds since 1970, by that side's clock. `side` empty: Lockstep's own decision. */
export interface Claim { side: string; at: bigint }

/** A field on which two sides do not agree. `base`: what both knew, `absent` where nothing. */
export interface Contested { field: string; base: Cell; incumbent: Cell; incoming: Cell }

export interface Dispute {
  sync: string;
  /** The agreed value's. */
  incumbent: Claim;
  /** Of the value that arrived. */
  incoming: Claim;
  /** One field, or all fields of its group. */
  fields: Contested[];
  /** All of the record as it is agreed. */
  record: { name: string; value: Cell }[];
}

export type Verdict =
  | { tag: "incumbent" }
  | { tag: "incoming" }
  /** A value made of both, of the same type. Not for a group. */
  | { tag: "merged"; val: Cell }
  /** A person is to decide; why. */
  | { tag: "hold"; val: string };

/**
 * Decides conflicts. What sides hold must not depend on whose edit came first: decide by values, sides and times, not by
 * which of the two is the incumbent.
 */
export interface Policy {
  name: string;
  version: string;
  decide(dispute: Dispute): Verdict;
}

/** The export that the contract wants: `export const transform = exposeTransform({ … })`. */
export function exposeTransform(made: Transform) {
  const { name, version, takes, gives } = made;
  return {
    describe: () => ({ name, version, takes, gives, writes: made.write !== undefined }),
    read: (values: Cell[]): Cell => answered(() => made.read(values)),
    write: (value: Cell): Cell =>
      answered(() => {
        if (made.write === undefined) throw new Refusal("it cannot be written");
        return made.write(value);
      }),
  };
}

/** The export that the contract wants: `export const policy = exposePolicy({ … })`. */
export function exposePolicy(made: Policy) {
  const { name, version } = made;
  return {
    describe: () => ({ name, version }),
    decide: (dispute: Dispute): Verdict => answered(() => made.decide(dispute)),
  };
}

function answered<T>(call: () => T): T {
  try {
    return call();
  } catch (thrown) {
    if (thrown instanceof Refusal) throw thrown;
    // What an error says may repeat a value: only its name is told.
    throw new Refusal(`it broke off with ${thrown instanceof Error ? thrown.name : "something thrown"}`);
  }
}
