//! Polls against a list that changes meanwhile: nothing is missed, and nothing told twice as it was.

import assert from "node:assert/strict";
import { test } from "node:test";

import { ConnectorError, bytesOfText, type Answer, type ChangesAnswer, type Client } from "lockstep-sdk";

import { parseConfig } from "../src/config.js";
import { Poll } from "../src/poll.js";
import { Service } from "../src/service.js";
import { Shape, sampled } from "../src/shape.js";

const BEGIN = Date.parse("2026-01-01T00:00:00Z");

interface Item { id: string; m: string; v: number; deleted?: boolean }

/** A list in pages of two by id, and its clock. */
class Fake implements Client {
  readonly items = new Map<string, Item>();
  now = BEGIN;
  requests = 0;
  /** It knows no page but the first. */
  forgets = false;

  set(id: string, v: number, more: Partial<Item> = {}): void {
    this.items.set(id, { id, v, m: new Date(this.now).toISOString(), ...more });
  }

  send(url: string): Promise<Answer> {
    this.requests += 1;
    const query = new URL(url).searchParams;
    if (this.forgets && query.has("after")) {
      return Promise.resolve({ status: 400, headers: new Map(), text: '{"message":"no such page"}' });
    }
    const since = Date.parse(query.get("since") ?? "1970-01-01T00:00:00Z");
    const all = [...this.items.values()].filter((item) => Date.parse(item.m) >= since).sort((a, b) => (a.id < b.id ? -1 : 1));
    const rest = all.filter((item) => item.id > (query.get("after") ?? ""));
    const text = JSON.stringify({ data: rest.slice(0, 2), next: rest.length > 2 ? rest[1]?.id : null });
    return Promise.resolve({ status: 200, headers: new Map([["date", new Date(this.now).toUTCString()]]), text });
  }
}

function world(more: object = {}) {
  const fake = new Fake();
  const paging = { style: "cursor", parameter: "after", next: "next" };
  const fields = { id: "text", v: "int", m: "timestamp", deleted: "bool" };
  const items = { list: "/items", rows: "data", modified: "m", since: "since", deleted: "deleted", paging, fields };
  const config = parseConfig(JSON.stringify({ base_url: "http://x", overlap_s: 10, objects: { items }, ...more }));
  const service = new Service(fake, config);
  const object = config.objects.get("items");
  assert.ok(object?.fields);
  const shape = new Shape(object, object.fields);
  // A poll of its own each time, as after a restart: nothing but the cursor is remembered.
  const poll = () => new Poll(service, () => Promise.resolve(shape));
  const selections = [{ object: "items", columns: ["v"] }];
  const changes = (after: Uint8Array, maxRecords = 100): Promise<ChangesAnswer> =>
    poll().changes({ selections, after, durable: after, maxRecords, maxBytes: 1_000_000, waitMs: 0 });
  return { fake, start: () => poll().start(selections), changes };
}

const told = ({ batches }: ChangesAnswer): string[] =>
  batches.flatMap(({ kind, rows }) => rows.map(({ key, cells }) =>
    [kind, ...[...key, ...cells].map((cell) => ("val" in cell ? String(cell.val) : cell.tag))].join(" ")));

test("what changes after the start is told once, also what a list shows late", async () => {
  const { fake, start, changes } = world();
  fake.set("old", 1);
  fake.now += 60_000;
  let cursor = await start();
  fake.now += 1_000;
  fake.set("a", 1);
  let answer = await changes(cursor);
  assert.deepEqual(told(answer), ["upsert a 1"]);
  cursor = answer.cursor;
  assert.deepEqual(told(await changes(cursor)), []);
  // Modified before the last round began, and in no list until now.
  fake.set("late", 5, { m: new Date(fake.now - 5_000).toISOString() });
  fake.set("a", 2);
  fake.set("b", 1, { deleted: true });
  answer = await changes(cursor);
  assert.deepEqual(told(answer), ["upsert a 2", "delete b", "upsert late 5"]);
  assert.deepEqual(told(await changes(answer.cursor)), []);
});

test("an edit within the same moment is told, too", async () => {
  const { fake, start, changes } = world();
  const begin = await start();
  fake.set("a", 1);
  const answer = await changes(begin);
  fake.set("a", 2);
  assert.deepEqual(told(await changes(answer.cursor)), ["upsert a 2"]);
});

test("a round is cut anywhere and goes on from its cursor", async () => {
  const { fake, start, changes } = world();
  let cursor = await start();
  fake.now += 1_000;
  for (let n = 0; n < 9; n += 1) fake.set(`r${n}`, n);
  const all: string[] = [];
  for (let call = 0; call < 20; call += 1) {
    const answer = await changes(cursor, 1);
    assert.ok(told(answer).length <= 1);
    all.push(...told(answer));
    cursor = answer.cursor;
    if (!answer.more) break;
  }
  assert.deepEqual(all, [0, 1, 2, 3, 4, 5, 6, 7, 8].map((n) => `upsert r${n} ${n}`));
});

test("a round that ends without a word ends all the same", async () => {
  const { fake, start, changes } = world();
  let cursor = await start();
  for (const id of ["a", "b", "c"]) fake.set(id, 1);
  ({ cursor } = await changes(cursor));
  for (const id of ["a", "b"]) fake.set(id, 2);
  // As many as a page has: the round goes on with a page on which nothing is new.
  const cut = await changes(cursor, 2);
  assert.deepEqual([told(cut), cut.more], [["upsert a 2", "upsert b 2"], true]);
  const end = await changes(cut.cursor, 2);
  assert.deepEqual([told(end), end.more], [[], false]);
  fake.set("a", 3);
  assert.deepEqual(told(await changes(end.cursor, 2)), ["upsert a 3"]);
});

test("a page that the service has forgotten begins the round anew, and one that it never knows ends", async () => {
  const { fake, start, changes } = world();
  const cursor = await start();
  for (const id of ["a", "b", "c"]) fake.set(id, 1);
  const cut = await changes(cursor, 2);
  fake.forgets = true;
  fake.set("a", 2);
  const anew = await changes(cut.cursor);
  assert.deepEqual(told(anew), ["upsert a 2"]);
  assert.equal(anew.more, true);
  fake.forgets = false;
  assert.deepEqual(told(await changes(anew.cursor)), ["upsert c 1"]);
});

test("while nothing happens the cursor rests, and everything is compared when it is time", async () => {
  const { fake, start, changes } = world({ compare_every_s: 60 });
  const cursor = await start();
  fake.now += 5_000;
  assert.deepEqual((await changes(cursor)).cursor, cursor);
  fake.now += 60_000;
  const answer = await changes(cursor);
  assert.deepEqual(answer.batches.map(({ kind }) => kind), ["gap"]);
  assert.notDeepEqual(answer.cursor, cursor);
  fake.now += 1_000;
  assert.deepEqual((await changes(answer.cursor)).batches, []);
});

test("nothing is asked with a zero budget, and a foreign cursor is refused", async () => {
  const { fake, start, changes } = world();
  const cursor = await start();
  const before = fake.requests;
  assert.deepEqual((await changes(cursor, 0)).cursor, cursor);
  assert.equal(fake.requests, before);
  for (const wrong of ["", "{}", "[1]", '{"objects":{"items":1}}', '{"objects":{}}']) {
    await assert.rejects(changes(bytesOfText(wrong)), (thrown) =>
      thrown instanceof ConnectorError && thrown.code === "cursor-invalid", wrong);
  }
});

test("fields are sampled with the type that all their values have", () => {
  const object = parseConfig(JSON.stringify({ base_url: "http://x", objects: { items: { list: "/i", modified: "m" } } }))
    .objects.get("items");
  assert.ok(object);
  const fields = sampled(object, [
    { id: 1, m: "2026-01-01T00:00:00Z", a: "2026-01-01", n: 1, mixed: 1, empty: null, o: {} },
    { id: 2, m: "2026-01-01T00:00:00Z", a: "soon", n: 1.5, mixed: "x", "with.dot": 1 },
  ]);
  assert.deepEqual([...fields], [
    ["a", "text"], ["empty", "text"], ["id", "int"], ["m", "timestamp"], ["mixed", "json"], ["n", "decimal"], ["o", "json"],
  ]);
});
