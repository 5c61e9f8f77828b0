"""What clients expect of any org beside records: resources, identity, search, conditions, compression."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from tests.plugins.salesforce_simulator.conftest import Api


def found(api: Api, sosl: str) -> list[str]:
    """Return the last names that a search finds."""
    records = api.call("GET", "search", params={"q": sosl}).json()["searchRecords"]
    return sorted(record["LastName"] for record in records)


@pytest.mark.behaviour("documented", "SOSL: words at the beginning of words, scopes, wildcards, RETURNING with clauses")
def test_search(api: Api) -> None:
    """A search finds words, not parts of them, in the fields of its scope."""
    api.create("Contact", FirstName="Ada", LastName="Rossi", Email="ada@example.com")
    api.create("Contact", FirstName="Ada", LastName="Bianchi", Phone="+39 02 1234")
    assert found(api, "FIND {ada} RETURNING Contact(LastName)") == ["Bianchi", "Rossi"]
    assert found(api, "FIND {ada ros*} IN ALL FIELDS RETURNING Contact(LastName)") == ["Rossi"]
    assert found(api, "FIND {ossi} RETURNING Contact(LastName)") == []
    assert found(api, "FIND {ada} IN EMAIL FIELDS RETURNING Contact(LastName)") == ["Rossi"]
    assert found(api, "FIND {ada} RETURNING Contact(LastName WHERE LastName LIKE 'B%' LIMIT 1)") == ["Bianchi"]
    everywhere = api.call("GET", "search", params={"q": "FIND {bianchi}"}).json()["searchRecords"]
    assert [record["attributes"]["type"] for record in everywhere] == ["Contact"]
    body = {"q": "rossi", "sobjects": [{"name": "Contact", "fields": ["LastName"]}], "in": "NAME"}
    assert len(api.call("POST", "parameterizedSearch", json=body).json()["searchRecords"]) == 1
    for wrong in ("rossi", "FIND {a}", "FIND {ada} RETURNING", "FIND {ada} RETURNING Contact(LastName"):
        assert api.error("GET", "search", params={"q": wrong})[:2] == (400, "MALFORMED_SEARCH")


@pytest.mark.behaviour("documented", "Resources of a version, identity URL, token introspection, revocation")
def test_who_and_what(api: Api) -> None:
    """The identity URL leads to this org for a client that came here by its address."""
    resources = api.call("GET", "/services/data/v60.0").json()
    assert resources["sobjects"] == "/services/data/v60.0/sobjects"
    identity = api.session.get(resources["identity"], timeout=10).json()
    assert (identity["id"], identity["username"]) == (resources["identity"], api.sim.org.options.username)
    token = str(api.session.headers["Authorization"]).split()[1]
    url = f"{api.sim.url}/services/oauth2"
    client = {"client_id": "crocevia", "client_secret": "simulated-secret", "token": token}
    assert requests.post(f"{url}/introspect", data=client, timeout=10).json()["active"] is True
    assert requests.post(f"{url}/introspect", data={**client, "client_secret": "x"}, timeout=10).status_code == 401
    assert requests.post(f"{url}/revoke", data={"token": token}, timeout=10).status_code == 200
    assert requests.post(f"{url}/introspect", data=client, timeout=10).json() == {"active": False}


@pytest.mark.behaviour("documented", "If-Modified-Since and If-Unmodified-Since of one record: 304 and 412")
def test_conditional_requests(api: Api) -> None:
    """A record that has changed since is sent, and not overwritten."""
    api.sim.admin.set_clock(datetime(2026, 1, 1, 12, tzinfo=UTC))
    path = f"sobjects/Contact/{api.create('Contact', LastName='A')}"
    seen = api.call("GET", path).headers["Last-Modified"]
    assert api.call("GET", path, headers={"If-Modified-Since": seen}).status_code == 304
    api.sim.admin.advance(timedelta(minutes=1))
    guard = {"If-Unmodified-Since": seen}
    assert api.call("PATCH", path, json={"Title": "Dr"}, headers=guard).status_code == 204
    assert api.error("PATCH", path, json={"Title": "Ms"}, headers=guard)[:2] == (412, "PRECONDITION_FAILED")
    assert api.error("DELETE", path, headers=guard)[0] == 412
    assert api.call("GET", path, headers={"If-Modified-Since": seen}).json()["Title"] == "Dr"


def raw_headers(api: Api, path: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Return status, headers in their own letters, and the body as it came."""
    with api.session.get(f"{api.sim.url}{path}", headers=headers, stream=True, timeout=10) as answer:
        given: Any = answer.raw
        return answer.status_code, dict(given.headers.items()), given.read(decode_content=False)


@pytest.mark.behaviour("documented", "Large answers are compressed for who takes it; HEAD; XML is refused with 406")
def test_http_manners(api: Api) -> None:
    """Compression when asked for, header names in the org's letters, HEAD without a body, no XML."""
    path = "/services/data/v60.0/sobjects"
    _, plain, body = raw_headers(api, path, **{"Accept-Encoding": "identity"})
    assert ("Content-Encoding" in plain, "Content-Type" in plain, "Date" in plain) == (False, True, True)
    _, packed, small = raw_headers(api, path, **{"Accept-Encoding": "gzip"})
    assert (packed["Content-Encoding"], len(small) < len(body) / 2) == ("gzip", True)
    head = api.call("HEAD", "sobjects")
    assert (head.status_code, head.content) == (200, b"")
    assert api.error("GET", "sobjects", headers={"Accept": "application/xml"})[:2] == (406, "NOT_ACCEPTABLE")


@pytest.mark.behaviour("assumed", "explain: one table scan, with the true cardinalities")
def test_explain(api: Api) -> None:
    """A plan says how many records a statement finds, without running it."""
    for name in ("A", "A", "B"):
        api.create("Contact", LastName=name)
    told = api.call("GET", "query", params={"explain": "SELECT Id FROM Contact WHERE LastName = 'A'"}).json()
    (plan,) = told["plans"]
    assert (plan["cardinality"], plan["sobjectCardinality"], plan["sobjectType"]) == (2, 3, "Contact")
    assert api.error("GET", "query", params={"explain": "SELECT"})[:2] == (400, "MALFORMED_QUERY")
