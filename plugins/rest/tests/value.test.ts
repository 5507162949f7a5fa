//! Numbers, times and values survive the way in and out.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectorError, integer, nothing, text, timestamp } from "lockstep-sdk";

import { ExactNumber, at, canonical, parseExact, put, writeExact, type Json } from "../src/exact.js";
import { dayOf, microsecondsOf, rfc3339 } from "../src/instant.js";
import { decode, encode, plainDecimal, sameValue, type Kind } from "../src/value.js";

test("no number is rounded, and digits in texts are left alone", () => {
  const told = '{"a":9007199254740993,"b":"9007199254740993","c":[0.12345678901234567890,1],"d":"say \\"12345678901234567\\""}';
  const read = parseExact(told);
  assert.deepEqual(at(read, "a"), new ExactNumber("9007199254740993"));
  assert.equal(at(read, "b"), "9007199254740993");
  assert.equal(writeExact(read), told);
});

test("a path leads through objects only, and makes those it needs", () => {
  const read = parseExact('{"a":{"b":[1]},"n":null}');
  assert.equal(at(read, "a.b.0"), undefined);
  assert.equal(at(read, "n.x"), undefined);
  assert.equal(at(read, "toString"), undefined);
  const made: { [name: string]: Json } = {};
  put(made, "a.b", 1);
  put(made, "a.c", null);
  put(made, "__proto__.x", 2);
  assert.equal(writeExact(made), '{"a":{"b":1,"c":null},"__proto__":{"x":2}}');
  assert.equal(({} as { x?: number }).x, undefined);
});

test("the order of members is no difference", () => {
  assert.equal(canonical(parseExact('{"b":[{"y":1,"x":2}],"a":1}')), canonical(parseExact('{"a":1,"b":[{"x":2,"y":1}]}')));
});

test("times are exact to the microsecond, whatever their zone", () => {
  for (const [told, expected] of [
    ["1970-01-01T00:00:00Z", 0n], ["1969-12-31T23:59:59.999999Z", -1n], ["2026-02-28T12:00:00.5+02:00", 1772272800500000n],
    ["2026-02-28T09:59:60Z", 1772272800000000n], ["2026-02-28T10:00Z", 1772272800000000n],
  ] as const) assert.equal(microsecondsOf(told), expected, told);
  for (const wrong of ["2026-02-30T00:00:00Z", "2026-02-28", "2026-02-28T24:00:00Z", "2026-02-28T10:00:00"]) {
    assert.equal(microsecondsOf(wrong), undefined, wrong);
  }
  for (const instant of [0n, -1n, -1_000_000n, 1772272800500000n, 1772272800000001n]) {
    assert.equal(microsecondsOf(rfc3339(instant)), instant);
  }
  assert.equal(dayOf("1969-12-31"), -1);
});

test("decimals lose their exponent and zeros that mean nothing", () => {
  for (const [told, expected] of [
    ["1.50", "1.5"], ["-0.0", "0"], ["1e3", "1000"], ["12.5e-3", "0.0125"], ["007", "7"], ["1e+21", "1000000000000000000000"],
  ]) assert.equal(plainDecimal(told ?? ""), expected);
  assert.equal(plainDecimal("1,5"), undefined);
});

test("every kind of value comes back as it went", () => {
  const values: [Json, Kind][] = [
    ["x", "text"], [7, "int"], [new ExactNumber("9007199254740993"), "int"], [0.1, "decimal"], ["12.30", "decimal"],
    [true, "bool"], ["2026-02-28", "date"], ["2026-02-28T12:00:00.123456Z", "timestamp"], [1772272800, "unix-seconds"],
    [1772272800123, "unix-milliseconds"], [[1, { a: null }], "json"], [2.5, "float"],
  ];
  for (const [value, kind] of values) {
    const cell = decode(value, kind, "f");
    const back = encode(cell, kind);
    assert.notEqual(back, undefined, kind);
    assert.ok(sameValue(decode(parseExact(writeExact(back as Json)), kind, "f"), cell), kind);
  }
});

test("a value that is none of its kind is an error that names the field", () => {
  for (const [value, kind] of [["x", "int"], [1.5, "int"], ["1", "int"], [1, "text"], ["soon", "timestamp"], [2e19, "int"]] as const) {
    assert.throws(() => decode(value, kind, "items.f"), (thrown) =>
      thrown instanceof ConnectorError && thrown.code === "config" && thrown.message.includes("items.f"));
  }
  assert.equal(encode(text("x"), "int"), undefined);
  assert.equal(encode(timestamp(1n), "unix-seconds"), undefined);
  assert.deepEqual(encode(nothing, "int"), null);
  assert.equal(encode(integer(2n ** 62n), "decimal"), 2n ** 62n);
});
