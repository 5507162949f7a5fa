//! Pure modules are tried natively: `npm test`.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectorError, bytesOfNumber, integer, nothing, text } from "lockstep-sdk";

import { checkColumns, fields, row } from "./note.js";

test("what the service leaves out is null and not absent", () => {
  const made = row({ id: "a", revision: 7, title: "x", stars: 3 }, ["title", "stars", "done"]);
  assert.deepEqual(made.cells, [text("x"), integer(3), nothing]);
  assert.deepEqual(made.version, bytesOfNumber(7n));
});

test("a column that does not exist is named", () => {
  assert.throws(() => checkColumns("notes", ["colour"]), (thrown) =>
    thrown instanceof ConnectorError && thrown.code === "not-found" && thrown.message.includes("colour"));
});

test("what is absent is left out of a request, and what is null is told", () => {
  assert.deepEqual(fields(["title", "body", "stars"], [{ tag: "absent" }, nothing, integer(4)]), { body: null, stars: 4 });
});
