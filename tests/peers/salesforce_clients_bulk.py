"""What salesforce-bulk does with the simulated org; prints what it found as one JSON object."""

import json
import sys

from salesforce_bulk import CsvDictsAdapter, SalesforceBulk

username, password, security_token = sys.argv[1:]
bulk = SalesforceBulk(
    username=username, password=password, security_token=security_token, host="acme.my.salesforce.com"
)
job = bulk.create_insert_job("Contact", contentType="CSV", concurrency="Parallel")
people = [{"LastName": f"N{n}", "Email": "bad" if n == 3 else f"n{n}@example.com"} for n in range(300)]
batch = bulk.post_batch(job, CsvDictsAdapter(iter(people)))
bulk.wait_for_batch(job, batch, timeout=30, sleep_interval=0.1)
saved = bulk.get_batch_results(batch)
bulk.close_job(job)
query = bulk.create_query_job("Contact", contentType="JSON")
statement = bulk.query(query, "SELECT Id, LastName FROM Contact ORDER BY LastName LIMIT 2")
bulk.wait_for_batch(query, statement, timeout=30, sleep_interval=0.1)
(result,) = bulk.get_all_results_for_query_batch(statement)
found = {
    "saved": [sum(row.success == "true" for row in saved), sum(row.success == "false" for row in saved)],
    "error": next(row.error for row in saved if row.error).split(":")[0],
    "state": bulk.job_status(job)["state"],
    "names": [record["LastName"] for record in json.load(result)],
}
print(json.dumps(found))  # noqa: T201  # what the test reads
