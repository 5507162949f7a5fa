// Drives the simulator with jsforce, the client library most JavaScript
// programs use with the vendor. Usage: node drive.mjs URL
// Prints one line a step; anything unexpected ends it with an error.

import assert from "node:assert/strict";
import { createSign, generateKeyPairSync } from "node:crypto";
import jsforce from "jsforce";
import { StreamingExtension } from "jsforce/lib/api/streaming.js";

const url = process.argv[2];
const version = "67.0";
const STEP_MS_MAX = 20_000;

const steps = [];
const step = (name, run) => steps.push([name, run]);
const control = async (method, path, body) => {
  const response = await fetch(`${url}/__sim/${path}`, {
    method,
    headers: { "content-type": "application/json" },
    body: body && JSON.stringify(body),
  });
  assert.ok(response.ok, `${method} ${path}: ${response.status} ${await response.clone().text()}`);
  return response.status === 204 || response.status === 202 ? null : response.json();
};

const oauth2 = { loginUrl: url, clientId: "lockstep-client", clientSecret: "lockstep-secret" };
const conn = new jsforce.Connection({ oauth2, version });

step("logs in with client credentials", async () => {
  await conn.authorize({ grant_type: "client_credentials" });
  assert.equal(conn.instanceUrl, url);
});

step("logs in with a name and a password, and is refused with a wrong one", async () => {
  const other = new jsforce.Connection({ oauth2, version });
  await other.login("integration@example.com", "password");
  await assert.rejects(other.login("integration@example.com", "wrong"), { name: "invalid_grant" });
});

step("logs in with a signed assertion", async () => {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  await control("POST", "settings", { jwt_public_key_pem: publicKey.export({ type: "spki", format: "pem" }) });
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const claims = { iss: oauth2.clientId, sub: "integration@example.com", aud: url, exp: Math.floor(Date.now() / 1000) + 180 };
  const signed = `${part({ alg: "RS256" })}.${part(claims)}`;
  const assertion = (key) => `${signed}.${createSign("RSA-SHA256").update(signed).sign(key, "base64url")}`;
  const grant_type = "urn:ietf:params:oauth:grant-type:jwt-bearer";
  const other = new jsforce.Connection({ oauth2, version });
  await other.authorize({ grant_type, assertion: assertion(privateKey) });
  const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  await assert.rejects(other.authorize({ grant_type, assertion: assertion(stranger) }), { name: "invalid_grant" });
});

step("refreshes by itself when the session has ended", async () => {
  const { access_token: accessToken, refresh_token: refreshToken } = await control("POST", "sessions");
  const other = new jsforce.Connection({ oauth2, version, instanceUrl: url, accessToken, refreshToken });
  await control("DELETE", "sessions");
  const refreshed = new Promise((resolve) => other.on("refresh", resolve));
  assert.equal((await other.query("SELECT COUNT() FROM Account")).totalSize, 0);
  await refreshed;
  await conn.authorize({ grant_type: "client_credentials" });
});

step("describes objects and finds them all", async () => {
  const { sobjects } = await conn.describeGlobal();
  assert.ok(sobjects.some((object) => object.name === "Account" && object.keyPrefix === "001"));
  const contact = await conn.describe("Contact");
  const field = (name) => contact.fields.find((own) => own.name === name);
  assert.deepEqual(field("AccountId").referenceTo, ["Account"]);
  assert.equal(field("LastName").compoundFieldName, "Name");
  assert.equal(field("Salutation").picklistValues[0].value, "Mr.");
});

step("creates, reads, updates, upserts and deletes one row", async () => {
  await control("POST", "fields/Account", {
    name: "Ext__c", label: "Ext", type: "string", length: 40, external_id: true, unique: true, id_lookup: true,
  });
  const made = await conn.sobject("Account").create({ Name: "Acme", Ext__c: "e1" });
  assert.equal(made.success, true);
  assert.equal((await conn.sobject("Account").retrieve(made.id)).Name, "Acme");
  await conn.sobject("Account").update({ Id: made.id, Name: "Acme 2" });
  const upserted = await conn.sobject("Account").upsert({ Ext__c: "e1", Name: "Acme 3" }, "Ext__c");
  assert.equal(upserted.id, made.id);
  assert.equal((await conn.sobject("Account").retrieve(made.id)).Name, "Acme 3");
  await assert.rejects(conn.sobject("Account").create({ Name: null }), { errorCode: "REQUIRED_FIELD_MISSING" });
  await conn.sobject("Account").destroy(made.id);
  await assert.rejects(conn.sobject("Account").retrieve(made.id), { errorCode: "NOT_FOUND" });
});

step("writes collections with each row's own result", async () => {
  const rows = Array.from({ length: 250 }, (_, number) => ({ LastName: `Person ${number}`, Email: `p${number}@example.com` }));
  const made = await conn.sobject("Contact").create(rows, { allowRecursive: true });
  assert.equal(made.length, 250);
  assert.ok(made.every((row) => row.success));
  const [first, second] = made;
  const changed = await conn.sobject("Contact").update([
    { Id: first.id, Title: "Boss" },
    { Id: second.id, Email: "badone" },
  ]);
  assert.equal(changed[0].success, true);
  assert.equal(changed[1].success, false);
  assert.equal(changed[1].errors[0].statusCode, "INVALID_EMAIL_ADDRESS");
  const read = await conn.sobject("Contact").retrieve([first.id, second.id]);
  assert.equal(read[0].Title, "Boss");
  const gone = await conn.sobject("Contact").destroy([first.id, second.id]);
  assert.ok(gone.every((row) => row.success));
});

step("queries page by page", async () => {
  const page = await conn.query("SELECT Id, Name, Account.Name FROM Contact ORDER BY Id", {
    autoFetch: false,
    headers: { "Sforce-Query-Options": "batchSize=200" },
  });
  assert.equal(page.totalSize, 248);
  assert.equal(page.records.length, 200);
  assert.equal(page.done, false);
  const rest = await conn.queryMore(page.nextRecordsUrl);
  assert.equal(rest.records.length, 48);
  assert.equal(rest.done, true);
  assert.equal(rest.records[0].Account, null);
  const found = await conn.sobject("Contact").find({ Email: { $like: "p1_@example.com" } }, ["Id", "Email"]).sort({ Email: -1 });
  assert.deepEqual(found.map((row) => row.Email).slice(0, 2), ["p19@example.com", "p18@example.com"]);
  await assert.rejects(conn.query("SELECT Nope FROM Contact"), { errorCode: "INVALID_FIELD" });
});

step("asks what changed and what was deleted", async () => {
  const start = new Date(Date.now() - 3_600_000), end = new Date(Date.now() + 120_000);
  const updated = await conn.sobject("Contact").updated(start, end);
  assert.equal(updated.ids.length, 248);
  assert.match(updated.latestDateCovered, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.000\+0000$/);
  const deleted = await conn.sobject("Contact").deleted(start, end);
  assert.equal(deleted.deletedRecords.length, 2);
});

step("hears changes as they happen, and again by replay", async () => {
  const channel = "/data/ContactChangeEvent";
  const listen = async (replay, wanted, act) => {
    const client = conn.streaming.createClient([new StreamingExtension.Replay(channel, replay)]);
    const heard = [];
    const enough = new Promise((resolve) => {
      client.subscribe(channel, (event) => heard.push(event) >= wanted && resolve()).then(act);
    });
    await enough;
    await client.disconnect();
    return heard;
  };
  let id;
  const [created, updated] = await listen(-1, 2, async () => {
    id = (await conn.sobject("Contact").create({ LastName: "Heard", MailingCity: "Oslo" })).id;
    await control("POST", "edits", [{ update: { object: "Contact", id, values: { Title: "By hand" } } }]);
  });
  assert.equal(created.payload.ChangeEventHeader.changeType, "CREATE");
  assert.deepEqual(created.payload.MailingAddress, { City: "Oslo" });
  assert.deepEqual(updated.payload.ChangeEventHeader.recordIds, [id]);
  assert.ok(updated.payload.ChangeEventHeader.changedFields.includes("Title"));
  const [again] = await listen(created.event.replayId, 1, () => {});
  assert.deepEqual(again, updated);
});

step("reads in bulk", async () => {
  const stream = await conn.bulk2.query("SELECT Id, LastName, CreatedDate FROM Contact ORDER BY Id", { pollInterval: 100, pollTimeout: 10_000 });
  const rows = await stream.toArray();
  assert.equal(rows.length, 249);
  assert.match(rows[0].CreatedDate, /Z$/);
});

step("writes in bulk, and says which rows failed", async () => {
  const input = [{ LastName: "Bulk 1", Email: "bulk1@example.com" }, { LastName: "Bulk 2", Email: "nonsense" }];
  const results = await conn.bulk2.loadAndWaitForResults({ object: "Contact", operation: "insert", input, pollInterval: 100, pollTimeout: 10_000 });
  assert.equal(results.successfulResults.length, 1);
  assert.equal(results.successfulResults[0].sf__Created, "true");
  assert.equal(results.failedResults.length, 1);
  assert.match(results.failedResults[0].sf__Error, /^INVALID_EMAIL_ADDRESS:/);
});

step("combines calls that refer to each other", async () => {
  const body = {
    allOrNone: true,
    compositeRequest: [
      { method: "POST", url: `/services/data/v${version}/sobjects/Account`, referenceId: "acc", body: { Name: "Composite" } },
      { method: "POST", url: `/services/data/v${version}/sobjects/Contact`, referenceId: "con", body: { LastName: "Child", AccountId: "@{acc.id}" } },
      { method: "GET", url: `/services/data/v${version}/query?q=SELECT+Id+FROM+Contact+WHERE+AccountId='@{acc.id}'`, referenceId: "all" },
    ],
  };
  const { compositeResponse } = await conn.requestPost("/composite", body);
  assert.deepEqual(compositeResponse.map((part) => part.httpStatusCode), [201, 201, 200]);
  assert.equal(compositeResponse[2].body.totalSize, 1);
  body.compositeRequest[1].body = { AccountId: "@{acc.id}" };
  const failed = await conn.requestPost("/composite", body);
  assert.equal(failed.compositeResponse[0].body[0].errorCode, "PROCESSING_HALTED");
  assert.equal((await conn.query("SELECT COUNT() FROM Account WHERE Name = 'Composite'")).totalSize, 1);
});

for (const [name, run] of steps) {
  const late = new Promise((_, reject) => setTimeout(() => reject(new Error(`no end within ${STEP_MS_MAX} ms`)), STEP_MS_MAX).unref());
  try {
    await Promise.race([run(), late]);
    console.log(`ok ${name}`);
  } catch (error) {
    console.log(`FAILED ${name}\n${error.stack ?? error}`);
    process.exit(1);
  }
}
console.log(`${steps.length} steps`);
process.exit(0);
