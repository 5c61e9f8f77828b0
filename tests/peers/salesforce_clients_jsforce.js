// What jsforce does with the simulated org; prints what it found as one JSON object.
const jsforce = require("jsforce");
const [url, clientId, clientSecret, username, password] = process.argv.slice(2);

async function main() {
  const found = {};
  const login = new jsforce.Connection({ oauth2: { loginUrl: url, clientId, clientSecret }, instanceUrl: url, version: "60.0" });
  const user = await login.login(username, password);
  found.login = { userId: user.id, token: Boolean(login.accessToken) };
  const authorized = new jsforce.Connection({ instanceUrl: url, oauth2: { loginUrl: url, clientId, clientSecret }, version: "60.0" });
  await authorized.authorize({ grant_type: "client_credentials" });
  const conn = new jsforce.Connection({ instanceUrl: url, accessToken: authorized.accessToken, version: "60.0" });
  found.identity = (await conn.request("/services/oauth2/userinfo")).preferred_username;

  const describe = await conn.sobject("Contact").describe();
  found.describe = { keyPrefix: describe.keyPrefix, fields: describe.fields.length, named: describe.fields.some((f) => f.name === "Crocevia_Key__c") };
  found.global = (await conn.describeGlobal()).sobjects.map((s) => s.name).includes("Interaction__c");

  const made = await conn.sobject("Contact").create({ LastName: "Rossi", FirstName: "Ada" });
  await conn.sobject("Contact").update({ Id: made.id, Title: "Dr" });
  found.retrieved = (await conn.sobject("Contact").retrieve(made.id)).Title;
  found.upserted = (await conn.sobject("Contact").upsert({ Crocevia_Key__c: "js1", LastName: "One" }, "Crocevia_Key__c")).created;
  found.destroyed = (await conn.sobject("Contact").destroy(made.id)).success;
  try {
    await conn.sobject("Contact").create({ FirstName: "Nameless" });
  } catch (error) {
    found.refused = error.errorCode;
  }

  const many = Array.from({ length: 450 }, (_, n) => ({ Crocevia_Key__c: `many${n}`, LastName: `N${String(n).padStart(4, "0")}` }));
  const results = await conn.sobject("Contact").upsert(many, "Crocevia_Key__c", { allowRecursive: true });
  found.collections = { rows: results.length, created: results.filter((r) => r.success && r.created).length };
  const created = await conn.sobject("Contact").create([{ LastName: "A" }, { LastName: "B", Email: "bad" }]);
  found.partial = created.map((r) => r.success);

  const paged = [];
  await new Promise((resolve, reject) => {
    conn.query("SELECT LastName FROM Contact WHERE Crocevia_Key__c LIKE 'many%' ORDER BY LastName", { autoFetch: true, maxFetch: 1000, headers: { "Sforce-Query-Options": "batchSize=200" } })
      .on("record", (record) => paged.push(record.LastName)).on("end", resolve).on("error", reject).run();
  });
  found.paged = { rows: paged.length, first: paged[0], last: paged[paged.length - 1] };
  found.found = await conn.sobject("Contact").find({ LastName: { $like: "N000%" } }, ["LastName"]).sort({ LastName: -1 }).limit(3).then((rows) => rows.map((r) => r.LastName));

  const bulk = await conn.bulk2.loadAndWaitForResults({
    object: "Contact", operation: "insert", input: Array.from({ length: 300 }, (_, n) => ({ LastName: `Bulk${n}`, Email: n === 5 ? "bad" : `b${n}@example.com` })),
    pollInterval: 100, pollTimeout: 20000,
  });
  found.bulk = { ok: bulk.successfulResults.length, failed: bulk.failedResults.length, error: bulk.failedResults[0].sf__Error };
  const stream = await conn.bulk2.query("SELECT Id, LastName FROM Contact WHERE LastName LIKE 'Bulk%'", { pollInterval: 100, pollTimeout: 20000 });
  const rows = await stream.toArray();
  found.bulkQuery = rows.length;
  const old = await conn.bulk.load("Contact", "insert", [{ LastName: "Old1", Email: "old@example.com" }, { LastName: "Old2", Email: "bad" }]);
  found.bulk1 = old.map((row) => row.success);
  found.bulk1Query = (await (await conn.bulk.query("SELECT Id FROM Contact WHERE LastName = 'Old1'")).toArray()).length;
  found.searched = (await conn.search("FIND {Old*} RETURNING Contact(Id, LastName)")).searchRecords.map((row) => row.LastName);
  found.explained = (await conn.query("SELECT Id FROM Contact WHERE LastName = 'Old1'").explain()).plans[0].cardinality;
  found.who = (await conn.identity()).username;
  found.limit = conn.limitInfo.apiUsage.limit;
  console.log(JSON.stringify(found));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
