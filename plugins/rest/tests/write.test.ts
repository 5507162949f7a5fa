//! Writes to a service that answers with nothing, and people who are quick.

import assert from "node:assert/strict";
import { test } from "node:test";

import { absent, integer, text, type Answer, type Asked, type Client, type Intent } from "lockstep-sdk";

import { parseConfig } from "../src/config.js";
import { Service } from "../src/service.js";
import { Shape } from "../src/shape.js";
import { Writing } from "../src/write.js";

/** One row under an ETag; writes are answered with 204, trimming what they are given. */
class Fake implements Client {
  row = { id: "1", m: "2026-01-01T00:00:00Z", name: "Ada", v: 1 };
  version = 1;
  /** Done by a person right after the next write. */
  meanwhile: { name: string } | undefined;

  send(_url: string, asked: Asked = {}): Promise<Answer> {
    if (asked.method !== "PATCH") return Promise.resolve(this.answer(200, JSON.stringify(this.row)));
    const told = JSON.parse(asked.body as string) as { name?: string; v?: number };
    this.row = { ...this.row, ...told };
    this.row.name = this.row.name.trim();
    this.version += 1;
    const answer = this.answer(204, "");
    if (this.meanwhile !== undefined) {
      this.row = { ...this.row, ...this.meanwhile };
      this.version += 1;
    }
    return Promise.resolve(answer);
  }

  answer(status: number, body: string): Answer {
    return { status, headers: new Map([["etag", `"${this.version.toString()}"`]]), text: body };
  }
}

async function written(fake: Fake, intent: Partial<Intent>) {
  const fields = { id: "text", name: "text", v: "int", m: "timestamp" };
  const items = { list: "/items", item: "/items/{id}", modified: "m", writable: true, fields };
  const config = parseConfig(JSON.stringify({ base_url: "http://x", objects: { items } }));
  const object = config.objects.get("items");
  assert.ok(object?.fields);
  const columns = ["name", "v"];
  const writing = new Writing(new Service(fake, config), new Shape(object, object.fields), columns, columns);
  const outcome = await writing.one({ action: "update", key: [text("1")], cells: [], expected: [], ...intent });
  assert.equal(outcome.tag, "applied");
  return outcome.val.cells;
}

test("a row that nobody touched since is told as the service stored it", async () => {
  const cells = await written(new Fake(), { cells: [text("Grace "), absent], expected: [text("Ada"), absent] });
  assert.deepEqual(cells, [text("Grace"), integer(1n)]);
});

test("what somebody sets before the row is looked up again is not told as what was stored", async () => {
  const fake = new Fake();
  fake.meanwhile = { name: "Edsger" };
  const cells = await written(fake, { cells: [text("Grace"), integer(2n)], expected: [text("Ada"), integer(1n)] });
  assert.deepEqual(cells, [text("Grace"), integer(2n)]);
  assert.equal(fake.row.name, "Edsger");
});
