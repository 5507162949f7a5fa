//! Tried natively, without Lockstep: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { absent, nothing, text, type Verdict } from "lockstep-sdk/code";

import { policy } from "./index.js";

function decide(incumbent: string, incoming: string): Verdict {
  return policy.decide({
    sync: "people",
    incumbent: { side: "crm", at: 0n },
    incoming: { side: "db", at: 0n },
    fields: [{ field: "note", base: absent, incumbent: text(incumbent), incoming: text(incoming) }],
    record: [{ name: "note", value: nothing }],
  });
}

test("the longer one wins, whichever came first", () => {
  assert.equal(decide("short", "much longer").tag, "incoming");
  assert.equal(decide("much longer", "short").tag, "incumbent");
  assert.equal(decide("one", "two").tag, "hold");
});
