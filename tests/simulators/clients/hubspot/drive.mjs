// HubSpot's own client library against the simulated account. Prints one line
// for each check that held and ends with 1 at the first that did not.
//
// The environment says where: HUBSPOT_URL, HUBSPOT_TOKEN; and as which OAuth
// app: HUBSPOT_APP, HUBSPOT_CLIENT_ID, HUBSPOT_CLIENT_SECRET, HUBSPOT_REFRESH_TOKEN.
import assert from "node:assert/strict";
import { createServer } from "node:http";
import hubspot from "@hubspot/api-client";

const { HUBSPOT_URL: basePath, HUBSPOT_TOKEN: accessToken } = process.env;
const app = Number(process.env.HUBSPOT_APP);
const client = new hubspot.Client({ accessToken, basePath, numberOfApiCallRetries: 3 });
const { contacts, companies, deals } = client.crm;

async function check(name, body) {
  await body();
  console.log(`held: ${name}`);
}

/** What the library throws for a refusal: its code and its body. */
async function refused(code, promise) {
  const error = await promise.then(() => null, (error) => error);
  assert.ok(error, `${code} was expected`);
  assert.equal(error.code, code);
  return error.body;
}

await check("basic", async () => {
  const made = await contacts.basicApi.create({ properties: { email: "Ann@Example.com", firstname: "Ann" } });
  assert.equal(made.properties.email, "ann@example.com");
  assert.ok(made.createdAt instanceof Date);
  const read = await contacts.basicApi.getById(made.id, ["firstname", "city"], ["firstname"]);
  assert.equal(read.properties.city, null);
  assert.equal(read.propertiesWithHistory.firstname[0].sourceType, "INTEGRATION");
  assert.ok(read.propertiesWithHistory.firstname[0].timestamp instanceof Date);
  await contacts.basicApi.update(made.id, { properties: { city: "Bern" } });
  const byEmail = await contacts.basicApi.getById("ann@example.com", ["city"], [], [], false, "email");
  assert.deepEqual([byEmail.id, byEmail.properties.city], [made.id, "Bern"]);
  const conflict = await refused(409, contacts.basicApi.create({ properties: { email: "ann@example.com" } }));
  assert.equal(conflict.message, `Contact already exists. Existing ID: ${made.id}`);
  await contacts.basicApi.archive(made.id);
  await refused(404, contacts.basicApi.getById(made.id));
  const bin = await contacts.basicApi.getPage(10, undefined, [], [], [], true);
  assert.deepEqual(bin.results.map((one) => [one.id, one.archived]), [[made.id, true]]);
});

await check("batches and a 207", async () => {
  const inputs = Array.from({ length: 30 }, (_, n) => ({ properties: { name: `Company ${n}`, domain: `c${n}.example` } }));
  const made = await companies.batchApi.create({ inputs });
  assert.equal(made.results.length, 30);
  const all = await companies.getAll(10, undefined, ["name"]);
  assert.equal(all.length, 30);
  const ids = made.results.map((one) => one.id);
  const changes = [
    { id: ids[0], properties: { city: "Bern" } },
    { id: "999", properties: { city: "Chur" } },
  ];
  const updated = await companies.batchApi.update({ inputs: changes });
  assert.equal(updated.numErrors, 1);
  assert.equal(updated.errors[0].category, "OBJECT_NOT_FOUND");
  assert.deepEqual(updated.errors[0].context.ids, ["999"]);
  assert.equal(updated.results[0].properties.city, "Bern");
  const read = await companies.batchApi.read({ properties: ["city"], propertiesWithHistory: ["city"], inputs: [{ id: ids[0] }] });
  assert.equal(read.results[0].propertiesWithHistory.city.length, 1);
  const partial = await contacts.batchApi.create({
    inputs: [
      { objectWriteTraceId: "a", properties: { email: "bea@example.com" }, associations: [] },
      { objectWriteTraceId: "b", properties: { email: "nobody" }, associations: [] },
    ],
  });
  assert.deepEqual(partial.errors[0].context.objectWriteTraceId, ["b"]);
  assert.equal(partial.results[0].objectWriteTraceId, "a");
  const upserted = await contacts.batchApi.upsert({
    inputs: [
      { id: "bea@example.com", idProperty: "email", properties: { city: "Genf" } },
      { id: "cleo@example.com", idProperty: "email", properties: { city: "Genf" } },
    ],
  });
  assert.deepEqual(upserted.results.map((one) => one._new), [false, true]);
  await companies.batchApi.archive({ inputs: ids.slice(0, 5).map((id) => ({ id })) });
  assert.equal((await companies.getAll(100)).length, 25);
});

await check("search, and coming back after its limit", async () => {
  const filters = [{ propertyName: "city", operator: "EQ", value: "Genf" }];
  const asked = { filterGroups: [{ filters }], sorts: ["-email"], properties: ["email"], limit: 1, after: 0 };
  const first = await contacts.searchApi.doSearch(asked);
  assert.deepEqual([first.total, first.results[0].properties.email], [2, "cleo@example.com"]);
  const second = await contacts.searchApi.doSearch({ ...asked, after: first.paging.next.after });
  assert.equal(second.results[0].properties.email, "bea@example.com");
  // The refusal is in the words the library looks for: it waits a second and asks again.
  const body = { status: "error", message: "You have reached your secondly limit.", category: "RATE_LIMITS" };
  const rule = { path: "/search", fault: { answer: { status: 429, body } } };
  const headers = { "content-type": "application/json" };
  await fetch(`${basePath}/__sim/faults`, { method: "POST", headers, body: JSON.stringify(rule) });
  const third = await contacts.searchApi.doSearch(asked);
  assert.equal(third.total, 2);
});

await check("properties and schemas", async () => {
  const { coreApi } = client.crm.properties;
  const option = { label: "Red", value: "red", displayOrder: 1, hidden: false };
  const property = { name: "colour", label: "Colour", type: "enumeration", fieldType: "select", groupName: "dealinformation", options: [option] };
  await coreApi.create("deals", property);
  const all = await coreApi.getAll("deals");
  assert.ok(all.results.find((one) => one.name === "colour").createdAt instanceof Date);
  assert.equal(all.results.find((one) => one.name === "hs_object_id").modificationMetadata.readOnlyValue, true);
  const invalid = await refused(400, deals.basicApi.create({ properties: { dealname: "Big", colour: "blue" } }));
  assert.equal(invalid.errors[0].code, "INVALID_OPTION");
  const machine = { name: "machine", labels: { singular: "Machine", plural: "Machines" }, requiredProperties: ["serial"], searchableProperties: [], primaryDisplayProperty: "serial", secondaryDisplayProperties: [], associatedObjects: [], properties: [{ name: "serial", label: "Serial", type: "string", fieldType: "text", hasUniqueValue: true }] };
  const made = await client.crm.schemas.coreApi.create(machine);
  const one = await client.crm.objects.basicApi.create(made.objectTypeId, { properties: { serial: "M-1" }, associations: [] });
  const page = await client.crm.objects.basicApi.getPage(made.objectTypeId, 10, undefined, ["serial"]);
  assert.deepEqual(page.results.map((each) => [each.id, each.properties.serial]), [[one.id, "M-1"]]);
});

await check("associations and owners", async () => {
  const contact = await contacts.basicApi.create({ properties: { email: "dora@example.com" } });
  const company = await companies.basicApi.create({ properties: { name: "Dora's" } });
  await client.crm.associations.v4.basicApi.create("contacts", contact.id, "companies", company.id, [
    { associationCategory: "HUBSPOT_DEFINED", associationTypeId: 279 },
  ]);
  const page = await client.crm.associations.v4.basicApi.getPage("contacts", contact.id, "companies");
  assert.equal(String(page.results[0].toObjectId), company.id);
  assert.deepEqual(page.results[0].associationTypes.map((one) => one.typeId).sort(), [1, 279]);
  const read = await contacts.basicApi.getById(contact.id, ["associatedcompanyid"], [], ["companies"]);
  assert.equal(read.properties.associatedcompanyid, company.id);
  assert.equal(read.associations.companies.results[0].id, company.id);
  const owners = await client.crm.owners.ownersApi.getPage();
  assert.equal(owners.results[0].email, "ada@example.com");
});

await check("tokens", async () => {
  const { HUBSPOT_CLIENT_ID: id, HUBSPOT_CLIENT_SECRET: secret, HUBSPOT_REFRESH_TOKEN: refresh } = process.env;
  const anonymous = new hubspot.Client({ basePath });
  const granted = await anonymous.oauth.tokensApi.create("refresh_token", undefined, undefined, id, secret, refresh);
  assert.equal(granted.expiresIn, 1800);
  anonymous.setAccessToken(granted.accessToken);
  assert.equal((await anonymous.crm.contacts.basicApi.getPage(1)).results.length, 1);
});

await check("a webhook's signature", async () => {
  const arrived = Promise.withResolvers ? Promise.withResolvers() : (() => {
    const parts = {};
    parts.promise = new Promise((resolve) => { parts.resolve = resolve; });
    return parts;
  })();
  const server = createServer(async (request, response) => {
    let requestBody = "";
    for await (const chunk of request) requestBody += chunk;
    response.end();
    arrived.resolve({ headers: request.headers, requestBody });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${server.address().port}/hooks?of=hub`;
  const developer = new hubspot.Client({ basePath, developerApiKey: "any" });
  await developer.webhooks.settingsApi.configure(app, { targetUrl: url, throttling: { maxConcurrentRequests: 5 } });
  await developer.webhooks.subscriptionsApi.create(app, { eventType: "contact.creation", active: true });
  const made = await contacts.basicApi.create({ properties: { email: "eve@example.com" } });
  const { headers, requestBody } = await arrived.promise;
  server.close();
  const [event] = JSON.parse(requestBody);
  assert.equal(String(event.objectId), made.id);
  const clientSecret = process.env.HUBSPOT_CLIENT_SECRET;
  const timestamp = Number(headers["x-hubspot-request-timestamp"]);
  const signed = { clientSecret, requestBody, url, timestamp, method: "POST" };
  assert.ok(hubspot.Signature.isValid({ ...signed, signatureVersion: "v3", signature: headers["x-hubspot-signature-v3"] }));
  assert.ok(hubspot.Signature.isValid({ ...signed, signatureVersion: "v1", signature: headers["x-hubspot-signature"] }));
  const forged = { ...signed, requestBody: requestBody.replace("contact", "company") };
  assert.ok(!hubspot.Signature.isValid({ ...forged, signatureVersion: "v3", signature: headers["x-hubspot-signature-v3"] }));
});

console.log("everything held");
