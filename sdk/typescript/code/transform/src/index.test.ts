//! Tried natively, without Lockstep: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { Refusal, integer, text } from "lockstep-sdk/code";

import { transform } from "./index.js";

test("what is written is read as it was", () => {
  const plain = transform.read([text("de89 3704 0044 0532 0130 00")]);
  assert.deepEqual(plain, text("DE89370400440532013000"));
  const written = transform.write(plain);
  assert.deepEqual(written, text("DE89 3704 0044 0532 0130 00"));
  assert.deepEqual(transform.read([written]), plain);
});

test("a wrong digit is refused and not repeated", () => {
  const refuses = (thrown: unknown) => thrown instanceof Refusal && !thrown.payload.includes("DE89");
  assert.throws(() => transform.read([text("DE89370400440532013001")]), refuses);
  assert.throws(() => transform.read([integer(5)]), refuses);
});
