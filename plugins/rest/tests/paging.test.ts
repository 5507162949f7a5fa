//! Every style of pages, against answers as services give them.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectorError, type Answer } from "lockstep-sdk";

import { parseConfig, type ObjectConfig } from "../src/config.js";
import type { Json } from "../src/exact.js";
import { nextToken, pageSize, pageUrl } from "../src/paging.js";

const BASE = "https://api.example.com/v2";

function object(paging: Record<string, unknown>, more: Record<string, unknown> = {}): ObjectConfig {
  const told = { base_url: BASE, objects: { items: { list: "/items?all=1", modified: "m", paging, ...more } } };
  const made = parseConfig(JSON.stringify(told)).objects.get("items");
  assert.ok(made);
  return made;
}

const answer = (headers: [string, string][] = []): Answer => ({ status: 200, headers: new Map(headers), text: "" });
const next = (made: ObjectConfig, token: string, body: Json, rows: number, headers: [string, string][] = []): string =>
  nextToken(BASE, made, token, answer(headers), body, rows);

test("a cursor is taken from the answer and ends with it", () => {
  const made = object({ style: "cursor", parameter: "after", next: "paging.next", size_parameter: "limit", size: 50 }, { since: "since" });
  assert.equal(pageUrl(BASE, made, "", 50, "2026-01-01T00:00:00Z"), `${BASE}/items?all=1&since=2026-01-01T00%3A00%3A00Z&limit=50`);
  assert.equal(pageUrl(BASE, made, "a/b", 7), `${BASE}/items?all=1&limit=7&after=a%2Fb`);
  assert.equal(next(made, "", { paging: { next: "a/b" } }, 50), "a/b");
  for (const last of [{}, { paging: { next: null } }, { paging: { next: "" } }]) assert.equal(next(made, "x", last, 50), "");
  assert.throws(() => next(made, "x", { paging: { next: "x" } }, 50), /follows itself/);
});

test("counted pages go on until one is empty, and keep their size", () => {
  const page = object({ style: "page", parameter: "p", size: 50 });
  assert.equal(pageUrl(BASE, page, "", 50), `${BASE}/items?all=1&p=1`);
  assert.equal(next(page, "", [], 20), "2");
  assert.equal(next(page, "2", [], 0), "");
  assert.equal(pageSize(page, 3), 50);
  const offset = object({ style: "offset", parameter: "skip", size: 50 });
  assert.equal(next(offset, "", [], 20), "20");
  assert.equal(next(offset, "20", [], 5), "25");
  assert.equal(pageSize(offset, 3), 3);
});

test("a link is followed to the service itself and nowhere else", () => {
  const header = object({ style: "link" });
  const link = (to: string) => next(header, "", [], 1, [["link", `<${BASE}/first>; rel="first", <${to}>; rel="next"`]]);
  assert.equal(link("https://api.example.com/x?y=1"), "https://api.example.com/x?y=1");
  assert.equal(link("/x?y=1"), "https://api.example.com/x?y=1");
  assert.equal(link("?y=1"), `${BASE}/items?y=1`);
  assert.equal(next(header, "t", [], 1), "");
  for (const foreign of ["https://api.example.com.evil.test/x", "//evil.test/x", "http://api.example.com/x", "https://evil.test"]) {
    assert.throws(() => link(foreign), /not its own/, foreign);
  }
  const body = object({ style: "link", next: "links.next" });
  assert.equal(next(body, "", { links: { next: "/x" } }, 1), "https://api.example.com/x");
});

test("a configuration that cannot work is refused by the setting's name", () => {
  const refused = (items: unknown, what: RegExp, more: object = {}) =>
    assert.throws(() => parseConfig(JSON.stringify({ base_url: BASE, objects: { items }, ...more })), (thrown) =>
      thrown instanceof ConnectorError && thrown.code === "config" && what.test(thrown.message));
  refused({ list: "/i" }, /modified/);
  refused({ list: "i", modified: "m" }, /list/);
  refused({ list: "/i", modified: "m", paging: { style: "cursor", parameter: "a" } }, /next/);
  refused({ list: "/i", modified: "m", paging: { style: "page" } }, /parameter/);
  refused({ list: "/i", modified: "m", fields: { id: "text", m: "text" } }, /timestamp/);
  refused({ list: "/i", modified: "m", fields: { m: "timestamp" } }, /no id/);
  refused({ list: "/i", modified: "m", item: "/i" }, /\{id\}/);
  refused({ list: "/i", modified: "m" }, /base_url/, { base_url: "ftp://x" });
});
