"""The recorded answers of real orgs, and the requests that should bring the same from the simulated one.

The recordings hold no requests but their method and path. What was sent is made again from what came back: as many
records as there were results, existing ones where a result says so, the records of a query's answer as its data.
"""

import json
import re
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree as ET

import requests
from attrs import frozen

from crocevia_salesforce.simulator.clock import stamp
from tests.plugins.salesforce_simulator.conftest import Api

_BASE = "/services/data/v60.0"
ASYNC = "http://www.force.com/2009/06/asyncapi/dataload"


@frozen
class Row:
    """One recorded answer."""

    file: str
    method: str
    path: str
    status: int | None
    body: Any


def rows(corpus: Path) -> Iterator[Row]:
    """Yield every row of the corpus."""
    folder = corpus / "salesforce"
    for path in sorted(folder.rglob("*.json")):
        for row in json.loads(path.read_text("utf-8")):
            name = f"{path.parent.name}/{path.stem}"
            yield Row(name, row["method"], row["path"], row.get("status"), row.get("body"))


def describes(corpus: Path) -> dict[str, dict[str, Any]]:
    """Return the recorded describes by file name."""
    found = {}
    for path in sorted((corpus / "salesforce" / "cumulusci").glob("GET_sobjects_*_describe.json")):
        body = json.loads(path.read_text("utf-8"))[0]["body"]
        if "fields" in body:
            found[path.stem] = body
    return found


NOT_APPLICABLE: tuple[tuple[str, Callable[[Row], bool]], ...] = (
    ("marker of an included describe, which is replayed by itself", lambda row: row.method == "INCLUDE"),
    ("Tooling API is not simulated", lambda row: "/tooling/" in row.path),
    (
        "Bulk API 1: the recorder's template in the place of the body",
        lambda row: isinstance(row.body, dict) and "include_template" in row.body,
    ),
    ("Connect REST API is not simulated", lambda row: "/connect/" in row.path),
    ("not an answer of Salesforce", lambda row: row.path.startswith("/SFDO-Tooling")),
    ("placeholder text in the place of the body", lambda row: "uncompressed" in row.file),
    (
        "describe cut short by hand",
        lambda row: row.file.endswith(
            ("ManualEditTestDescribeOrg.test_minimal_schema", "ManualEdit_test_describe_to_sql")
        ),
    ),
    ("fixture of a search of API v20", lambda row: "sobject/search_success" in row.path),
    ("list views and recent items are not simulated", lambda row: "list_view" in row.path or "recent" in row.path),
    (
        "fixture of API v20 to v26; orgs answer to v31.0 and later",
        lambda row: (
            row.method == "FIXTURE"
            and re.search(r"/v(?:2\d|100)|\"version\"", json.dumps(row.body)) is not None
            and "upsert_multiple" not in row.path
            and "org_query" not in row.path
        ),
    ),
    ("fixture of a describe of API v23", lambda row: "sobject_describe_success" in row.path),
    (
        "objects of industry clouds that the schema lacks",
        lambda row: (
            row.file.startswith("revoman") and ("query-response" in row.file or "graph-response-error" in row.file)
        ),
    ),
)


def not_applicable(row: Row) -> str | None:
    """Return why a row is not replayed, or None."""
    return next((reason for reason, matches in NOT_APPLICABLE if matches(row)), None)


def operation(row: Row) -> str:
    """Return the operation that a row belongs to, for the count."""
    if row.method == "FIXTURE":
        return "fixture " + Path(row.path).stem.removesuffix("_response")
    path = re.sub(r"v?[\dxX]+\.[\dxX]+/", "", row.path.split("?")[0].removeprefix("/services/data/")).rstrip("/")
    path = re.sub(r"(job|batch|result)/\w{15,18}", r"\1/{id}", path.replace("//", "/")) if "/async/" in path else path
    path = re.sub(r"sobjects/\w+/describe", "sobjects/{object}/describe", path)
    path = re.sub(r"sobjects/(?!\{)\w+/\w{15,18}", "sobjects/{object}/{id}", path)
    path = re.sub(r"^sobjects/(?!\{)\w+$", "sobjects/{object}", path)
    return f"{row.method} " + re.sub(r"composite/sobjects/\w+/\w+", "composite/sobjects/{object}/{field}", path)


def key_paths(value: Any, at: str = "") -> dict[str, str]:
    """Return the JSON type of every key path; elements of lists share theirs, null yields to any other type."""
    if isinstance(value, dict):
        found: dict[str, str] = {}
        for key, inner in value.items():
            for path, kind in key_paths(inner, f"{at}.{key}").items():
                found[path] = kind if found.get(path) in (None, "null") else found[path]
        return {at: "object", **found}
    if isinstance(value, list):
        found = {at: "list"}
        for inner in value:
            for path, kind in key_paths(inner, f"{at}[]").items():
                found[path] = kind if found.get(path) in (None, "null") else found[path]
        return found
    kinds = {bool: "boolean", int: "number", float: "number", str: "string", type(None): "null"}
    return {at: kinds[type(value)]}


def error_codes(value: Any) -> list[str]:
    """Return every error code in a body, in order."""
    if isinstance(value, dict):
        own = [value[key] for key in ("errorCode", "statusCode", "error") if isinstance(value.get(key), str)]
        return own + [code for inner in value.values() for code in error_codes(inner)]
    return [code for inner in value for code in error_codes(inner)] if isinstance(value, list) else []


def _tags(body: Any) -> Any:
    """Return XML as its tags and CSV as its columns, to be compared as JSON is; anything else as it is."""
    if isinstance(body, str) and body.startswith('"Id",'):
        return dict.fromkeys(body.split("\n", 1)[0].split(","), "")
    if not isinstance(body, str) or not body.startswith("<?xml"):
        return body
    root = ET.fromstring(body)  # noqa: S314  # recorded, or our own
    return {root.tag: {child.tag: child.text or "" for child in root}}


def differences(row: Row, answer: requests.Response) -> list[str]:
    """Return where an answer differs from the recorded one in status, key set, types or error codes."""
    found = []
    if row.status is not None and answer.status_code != row.status:
        found.append(f"status {answer.status_code}, recorded {row.status}")
    body = answer.json() if answer.text and "json" in answer.headers.get("Content-Type", "") else _tags(answer.text)
    ours, theirs = key_paths(body), key_paths(_tags(row.body))
    if extra := sorted(set(ours) - set(theirs)):
        found.append(f"keys not recorded: {', '.join(extra[:6])}")
    if missing := sorted(set(theirs) - set(ours)):
        found.append(f"keys missing: {', '.join(missing[:6])}")
    both = set(ours) & set(theirs)
    if wrong := [
        path for path in sorted(both) if ours[path] != theirs[path] and "null" not in (ours[path], theirs[path])
    ]:
        found.append(f"types of {', '.join(wrong[:6])}")
    if error_codes(body) != error_codes(row.body):
        found.append(f"codes {error_codes(body)}, recorded {error_codes(row.body)}")
    return found


class Stage:
    """One org on which rows are replayed, each from empty tables."""

    def __init__(self, api: Api) -> None:
        self.api = api

    def clear(self) -> None:
        """Empty the tables that rows fill, and forget faults."""
        org = self.api.sim.org
        with org.lock:
            for name in ("Account", "Contact", "Lead", "Opportunity", "Event", "RecordType", "Whizbang"):
                if org.schema.get(name):
                    org.database.execute(f'DELETE FROM "{name}"')
        self.api.sim.admin.set_faults()

    def replay(self, row: Row) -> requests.Response:
        """Send the request of a row, on data that give its answer."""
        self.clear()
        special = SPECIAL.get(Path(row.path).stem if row.method == "FIXTURE" else row.file.rsplit(".", 1)[-1])
        special = special or SPECIAL.get(row.file)
        if special:
            return special(self, row)
        path = re.sub(r"v(?:xx|XX|\d\d)\.[0X]", "v60.0", row.path)
        if "/services/async/" in path:
            return self._bulk1(row)
        if "/query" in path:
            return self._query(row, path)
        if "composite/sobjects" in path:
            return self._collection(row, path)
        if "recordCount" in path:
            self._count(row, path)
        body = {"Name": "Smith Corp."} if row.method == "POST" else None
        if "Organization" in path:
            path = re.sub(r"Organization/\w+", f"Organization/{self.api.sim.org.org_id}", path)
        return self.api.call(row.method, path, json=body)

    def store(self, object_name: str, **values: Any) -> str:
        """Put a record into a table as it is, with whatever id was recorded."""
        org = self.api.sim.org
        sobject = org.schema.get(object_name)
        assert sobject is not None
        with org.lock:
            row = {"Id": values.pop("Id", None) or org.database.next_id(sobject), "IsDeleted": 0, **values}
            if org.database.row(sobject, row["Id"]) is None:
                org.database.insert(sobject, {key: value for key, value in row.items() if sobject.field(key)})
        return str(row["Id"])

    def _query(self, row: Row, path: str) -> requests.Response:
        records = row.body["records"]
        if records and records[0]["attributes"]["type"] == "AggregateResult":
            for number in range(records[0]["expr0"]):
                self.store("Account", Name=f"Account {number}")
        for record in records:
            self._store_record(record, parse_qs(urlsplit(path).query)["q"][0])
        return self.api.call("GET", path)

    def _store_record(self, record: dict[str, Any], soql: str) -> None:
        attributes = record["attributes"]
        if "url" not in attributes or attributes["type"] == "User":
            return
        values = {key: value for key, value in record.items() if not isinstance(value, (dict, list))}
        values["Id"] = attributes["url"].rsplit("/", 1)[-1]
        where = re.search(r"where (\w+)\s*=\s*'([^']*)'", soql, re.IGNORECASE)
        if where:
            values.setdefault(where.group(1), where.group(2))
        for name, inner in record.items():
            if isinstance(inner, dict) and "records" in inner:
                for child in inner["records"]:
                    self._store_record({**child, "ContactId": values["Id"]}, "")
            elif isinstance(inner, dict) and "attributes" in inner:
                self._store_record(inner, "")
                values[f"{name}Id"] = inner["attributes"]["url"].rsplit("/", 1)[-1]
        self.store(attributes["type"], **values)

    def _bulk1(self, row: Row) -> requests.Response:
        """Go the way of a Bulk 1 job as far as the row's request."""
        told = (_tags(row.body) if isinstance(row.body, str) else {}).get(f"{{{ASYNC}}}jobInfo", {})
        told = {name.rpartition("}")[2]: text for name, text in told.items()}
        query = isinstance(row.body, (list, dict))
        names = {"operation": "query" if query else "insert", "object": "Event" if query else "Contact"}
        names = {
            key: told.get(key, value) for key, value in {**names, "contentType": "JSON" if query else "CSV"}.items()
        }
        info = "".join(f"<{key}>{value}</{key}>" for key, value in names.items())
        made = self._send1("POST", "", f'<jobInfo xmlns="{ASYNC}">{info}</jobInfo>', "application/xml")
        steps = row.path.replace("//", "/").split("/job", 1)[1].split("?")[0].strip("/").split("/")
        if steps == [""]:
            return made
        job = _tags(made.text)[f"{{{ASYNC}}}jobInfo"][f"{{{ASYNC}}}id"]
        if steps[1:] == [] or (steps[1:] == ["batch"] and not query and row.method == "GET"):
            body = f'<jobInfo xmlns="{ASYNC}"><state>Closed</state></jobInfo>' if row.method == "POST" else ""
            return self._send1(row.method, "/".join(["", job, *steps[1:]]), body, "application/xml")
        return self._batch1(row, job, steps)

    def _batch1(self, row: Row, job: str, steps: list[str]) -> requests.Response:
        soql = "SELECT Id FROM Event"
        if isinstance(row.body, list) and isinstance(row.body[0], dict):
            for record in row.body:
                at = stamp(datetime.fromtimestamp(record["ActivityDateTime"] / 1000, UTC))
                self._store_record({**record, "ActivityDateTime": at}, "")
            contact, account = "LastName, Email", "Name, Description, Phone, AccountNumber"
            parents = f"TYPEOF Who WHEN Contact THEN {contact} END, TYPEOF What WHEN Account THEN {account} END"
            soql = f"SELECT Id, {parents}, Subject, DurationInMinutes, ActivityDateTime FROM Event"
        data = soql if isinstance(row.body, (list, dict)) else "LastName\nA\n"
        added = self._send1("POST", f"/{job}/batch", data, "application/json")
        if row.method == "POST" or isinstance(row.body, str):
            return added if row.method == "POST" else self._result1(f"/{job}/batch/{_id1(added)}/result")
        path = f"/{job}/batch/{added.json()['id']}"
        until = time.monotonic() + 10
        while (answer := self._send1("GET", path)).json()["state"] != "Completed" and time.monotonic() < until:
            time.sleep(0.01)
        if "result" in steps:
            answer = self._send1("GET", path + "/result")
        return self._send1("GET", f"{path}/result/{answer.json()[0]}") if steps[-2] == "result" else answer

    def _result1(self, path: str) -> requests.Response:
        until = time.monotonic() + 10
        while (answer := self._send1("GET", path)).status_code == 400 and time.monotonic() < until:
            time.sleep(0.01)
        return answer

    def _send1(self, method: str, path: str, body: str = "", content: str = "application/xml") -> requests.Response:
        headers = {"Content-Type": content}
        return self.api.call(method, f"/services/async/62.0/job{path}", data=body, headers=headers)

    def _count(self, row: Row, path: str) -> None:
        name = parse_qs(urlsplit(path).query)["sObjects"][0]
        for entry in row.body["sObjects"]:
            for number in range(max(1, entry["count"])):
                self.store(name, LastName="x", Name=f"x {number}", IsDeleted=int(entry["count"] == 0))

    def _collection(self, row: Row, path: str) -> requests.Response:
        field = path.rsplit("/", 1)[-1]
        by = field if "composite/sobjects/" in path else "Id"
        records = []
        for number, result in enumerate(row.body):
            record_id = result.get("id", "")
            sobject = self.api.sim.org.schema.by_id(record_id)
            assert sobject is not None, record_id
            old = result.get("created") is False or (row.method == "PATCH" and "created" not in result)
            records.append(self._record(sobject.name, number, by, record_id if old else None))
        return self.api.call(row.method, path, json={"allOrNone": False, "records": records})

    def _record(self, name: str, number: int, by: str, old: str | None) -> dict[str, Any]:
        records: dict[str, dict[str, Any]] = {
            "Account": {"Name": f"Account {number}"},
            "Contact": {"LastName": f"N {number}"},
            "Lead": {"LastName": f"N {number}", "Company": "C"},
            "Opportunity": {"Name": "O", "StageName": "Prospecting", "CloseDate": "2026-01-01"},
            "Event": {"DurationInMinutes": 60, "ActivityDateTime": "2024-11-07T07:00:00Z"},
        }
        values = records[name]
        key = f"person{number}@example.com"
        if old:
            self.store(name, Id=old, **values, **({by: key} if by != "Id" else {}))
            values = {**values, "Id": old} if by == "Id" else values
        return {"attributes": {"type": name}, **values, **({by: key} if by not in ("Id", "") else {})}


def _id1(answer: requests.Response) -> str:
    return str(_tags(answer.text)[f"{{{ASYNC}}}batchInfo"][f"{{{ASYNC}}}id"])


def _composite(stage: Stage, *parts: tuple[str, str, dict[str, Any]], **more: Any) -> requests.Response:
    requests_ = [
        {"method": method, "url": _BASE + path, "referenceId": f"r{number}", **rest}
        for number, (method, path, rest) in enumerate(parts)
    ]
    return stage.api.call("POST", "composite", json={"compositeRequest": requests_, **more})


def _parallel(stage: Stage, row: Row) -> requests.Response:
    if row.path.endswith("/Account/"):
        return stage.api.call("POST", f"{_BASE}/sobjects/Account/", json={"Name": "Smith Corp."})
    stage.store("Account", Name="Smith Corp.")
    queries = ("SELECT Id FROM Account", "SELECT Name FROM Account")
    return _composite(stage, *(("GET", f"/query?q={queries[n % 2]}", {}) for n in range(4)))


def _counts(stage: Stage, row: Row) -> requests.Response:
    for number in range(17):
        stage.store("Account", Name=f"A {number}")
    second = row.body["compositeResponse"][1]["referenceId"].removeprefix("ref")
    return _composite(stage, *(("GET", f"/query?q=select count() from {name}", {}) for name in ("Account", second)))


def _empties(stage: Stage, row: Row) -> requests.Response:
    names = row.body["compositeResponse"]
    return _composite(stage, *(("GET", "/query?q=select Id from Account where Name = 'Nobody'", {}) for _ in names))


def _unchanged(stage: Stage, row: Row) -> requests.Response:
    headers = {"If-Modified-Since": stage.api.call("GET", "sobjects/Account/describe").headers["Last-Modified"]}
    parts = [("GET", "/sobjects/Account/describe", {"httpHeaders": headers}) for _ in row.body["compositeResponse"]]
    return _composite(stage, *parts)


def _network_error(stage: Stage, row: Row) -> requests.Response:
    stage.api.sim.admin.fault("server_error", "POST .*/composite")
    return _composite(stage, ("GET", "/limits", {}))


def _rolled_back(stage: Stage, row: Row) -> requests.Response:
    first = ("POST", "/sobjects/Account", {"body": {"Name": "A"}})
    orphan = {"body": {"LastName": "B", "ReportsTo": {"Email": "nobody@example.com"}}}
    return _composite(stage, first, ("POST", "/sobjects/Contact", orphan), allOrNone=True)


def _duplicates(stage: Stage, row: Row) -> requests.Response:
    stage.store("Contact", LastName="Twin", Name="Twin", Email="twin@example.com")
    rule = {"object": "Contact", "fields": ["Email"], "name": "Contacts_DR"}
    stage.api.sim.admin.set_rules({"duplicates": [rule]})
    answer = stage.api.call("POST", "sobjects/Contact", json={"LastName": "Twin", "Email": "twin@example.com"})
    stage.api.sim.admin.set_rules({})
    return answer


def _graph(stage: Stage, row: Row) -> requests.Response:
    made = [
        ("account", "Account", {"Name": "A"}),
        ("contact", "Contact", {"LastName": "C", "AccountId": "@{account.id}"}),
        ("opportunity", "Opportunity", {"Name": "O", "StageName": "Prospecting", "CloseDate": "2026-01-01"}),
    ]
    nodes = [
        {"method": "POST", "url": f"{_BASE}/sobjects/{name}", "referenceId": reference, "body": body}
        for reference, name, body in made
    ]
    graph = {"graphId": "1", "compositeRequest": nodes}
    return stage.api.call("POST", "composite/graph", json={"graphs": [graph]})


def _token(**form: str) -> Callable[[Stage, Row], requests.Response]:
    def send(stage: Stage, row: Row) -> requests.Response:
        options = stage.api.sim.org.options
        client = {"client_id": options.client_id, "client_secret": options.client_secret}
        given = {**client, "username": options.username, "password": options.password, **form}
        url = f"{stage.api.sim.url}/services/oauth2/token"
        if form.get("refresh_token") == "good":
            login = requests.post(url, data={**given, "grant_type": "password"}, timeout=10).json()
            given["refresh_token"] = login["refresh_token"]
        return requests.post(url, data=given, timeout=10)

    return send


def _send(method: str, path: str, **more: Any) -> Callable[[Stage, Row], requests.Response]:
    return lambda stage, row: stage.api.call(method, f"{_BASE}/{path}", **more)


def _changed(kind: str) -> Callable[[Stage, Row], requests.Response]:
    def send(stage: Stage, row: Row) -> requests.Response:
        now = stage.api.sim.org.clock.now()
        changed = stamp(now - timedelta(minutes=5))
        stage.store("Account", Name="B", IsDeleted=int(kind == "deleted"), SystemModstamp=changed)
        span = {"start": stamp(now - timedelta(days=1)), "end": stamp(now)}
        return stage.api.call("GET", f"sobjects/Account/{kind}", params=span)

    return send


def _expired(stage: Stage, row: Row) -> requests.Response:
    url = f"{stage.api.sim.url}{_BASE}/limits"
    return requests.get(url, headers={"Authorization": "Bearer gone"}, timeout=10)


def _ambiguous(stage: Stage, row: Row) -> requests.Response:
    for _ in range(2):
        stage.store("Contact", LastName="Twin", Name="Twin", Email="twin@example.com")
    return stage.api.call("PATCH", "sobjects/Contact/Email/twin@example.com", json={"LastName": "Twin"})


def _sums(stage: Stage, row: Row) -> requests.Response:
    for campaign, amount in (("701E0000000JuFHIA0", 300.0), ("701E00000005ZqAIAU", 100.0), (None, 400.0)):
        stage.store("Opportunity", Name="O", CampaignId=campaign, Amount=amount)
    return stage.api.call("GET", "query?q=SELECT CampaignId, SUM(Amount) FROM Opportunity GROUP BY CampaignId")


def _known_key(version: str) -> Callable[[Stage, Row], requests.Response]:
    def send(stage: Stage, row: Row) -> requests.Response:
        stage.store("Contact", LastName="One", Name="One", Email="one@example.com")
        path = f"/services/data/v{version}/sobjects/Contact/Email/one@example.com"
        return stage.api.call("PATCH", path, json={"LastName": "One"})

    return send


SPECIAL: dict[str, Callable[[Stage, Row], requests.Response]] = {
    "test_composite_parallel_salesforce": _parallel,
    "test_errors": lambda stage, row: _composite(stage, ("GET", "/sobjects/Nothing/describe", {})),
    "test_reference_ids": _empties,
    "test_http_headers": _unchanged,
    "test_count_sobjects_simple": _counts,
    "test_count_sobjects__errors": _counts,
    "test_count_sobjects__network_errors": _network_error,
    "misc/composite_rolled_back_camel": _rolled_back,
    "misc/duplicates_detected_contact_400": _duplicates,
    "revoman/composite_graph_resp_graph-response-success": _graph,
    "auth_success_response": _token(grant_type="password"),
    "reauth_success_response": _token(grant_type="password"),
    "refresh_success_response": _token(grant_type="refresh_token", refresh_token="good"),
    "auth_error_response": _token(grant_type="password", password="wrong"),
    "refresh_error_response": _token(grant_type="refresh_token", refresh_token="wrong"),
    "expired_session_response": _expired,
    "create_success_response": _send("POST", "sobjects/Account", json={"Name": "A"}),
    "delete_error_response": _send("DELETE", "sobjects/Account/rid"),
    "get_deleted_success_response": _changed("deleted"),
    "get_updated_success_response": _changed("updated"),
    "org_query_response": _send("GET", "query?q=SELECT Id FROM Organization"),
    "query_aggregate_success_response": _sums,
    "query_empty_response": _send("GET", "query?q=SELECT Id FROM Account"),
    "query_error_response": _send("GET", "query?q=SELECT Nothing FROM Account"),
    "sobject_describe_error_response": _send("GET", "sobjects/Nothing/describe"),
    "search_error_response": _send("GET", "search?q=x"),
    "sobject_find_error_response": _send("GET", "sobjects/Account/23foo"),
    "upsert_created_success_response": lambda stage, row: stage.api.call(
        "PATCH", "/services/data/v45.0/sobjects/Contact/Email/new@example.com", json={"LastName": "New"}
    ),
    "upsert_updated_success_response": _known_key("45.0"),
    "upsert_error_response": _send("PATCH", "sobjects/Account/Namez/x", json={"Name": "A"}),
    "upsert_multiple_error_response": _ambiguous,
    "write_error_response": _send("POST", "sobjects/Account", json={"Name": "A", "foo": 1}),
}
