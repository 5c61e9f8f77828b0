"""The one road to the org: none of simple-salesforce's known defects reaches a caller."""

import threading
from typing import Any

import pytest
import requests

from crocevia import Answer, Http, Usage
from crocevia.errors import AuthError, RetryableError
from crocevia_salesforce import Salesforce
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.org_records import contact_write


def test_it_goes_over_simple_salesforces_session(salesforce: Salesforce) -> None:
    """One a thread, the connection's own, with its timeouts; usable for what Crocevia has no word for."""
    client = salesforce.client()
    other: list[requests.Session] = []
    thread = threading.Thread(target=lambda: other.append(salesforce.client().session))
    thread.start()
    thread.join()

    assert client.session is salesforce.http.session()
    assert client is salesforce.client()
    assert other[0] is not client.session
    assert client.query("SELECT COUNT() FROM Contact")["totalSize"] == 0


def test_headers_survive_a_renewed_session(org: Simulator, connect: Connect) -> None:
    """simple-salesforce 1.12.10 drops them on its second try, and the duplicate is refused after all."""
    org.admin.set_rules({"duplicates": [{"object": "Contact", "fields": ["Email"]}]})
    org.admin.create("Contact", {"LastName": "Rossi", "Email": "ada@example.org"})
    salesforce = connect(duplicate_rules="override")
    salesforce.describe("Contact")
    org.admin.expire_sessions()

    (outcome,) = salesforce.write([contact_write(1, Email="ada@example.org")])

    assert getattr(outcome, "created", None) is True


def test_the_gauge_follows_the_header_and_keeps_the_last_where_it_is_missing(
    org: Simulator, salesforce: Salesforce
) -> None:
    """Errors move it too; it may go down."""
    before = salesforce.usage()
    salesforce.describe("Contact")
    seen = salesforce.usage()
    org.admin.fault("no_limit_header")
    salesforce.describe("Contact")

    assert before is None
    assert isinstance(seen, Usage)
    assert seen.limit == 100_000
    assert salesforce.usage() == seen


def test_a_refused_call_moves_the_gauge_too(org: Simulator, salesforce: Salesforce) -> None:
    """Errors count against the day; simple-salesforce looks at its own successful calls alone."""
    org.admin.fault("refused", "describe", code="QUERY_TIMEOUT", message="", status=500)

    with pytest.raises(RetryableError):
        salesforce.describe("Contact")

    assert salesforce.usage() is not None


def test_a_401_of_a_gateway_with_an_object_for_a_body_is_understood(
    salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """simple-salesforce asks it for element 0 and fails with KeyError."""
    send, refused = Http.request, Answer(status=401, headers={}, body=b'{"message": "no session"}', url="")
    answers = [refused, None, refused, refused]

    def request(http: Http, method: str, path: str, **more: Any) -> Answer:
        told = answers.pop(0) if "/services/data/" in path else None
        return told or send(http, method, path, **more)

    monkeypatch.setattr(Http, "request", request)

    assert salesforce.describe("Case").fields
    with pytest.raises(AuthError, match="the session is not accepted"):
        salesforce.describe("Case")


def test_an_empty_list_is_an_empty_list(salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch) -> None:
    """simple-salesforce's `restful` makes None of it."""
    salesforce.describe("Contact")
    empty = Answer(status=200, headers={}, body=b"[]", url="")
    monkeypatch.setattr(Http, "request", lambda *_, **__: empty)

    assert salesforce.fetch("Contact", ["003000000000000AAA"], ("LastName",)) == []


def test_an_answer_that_takes_too_long_is_given_up(org: Simulator, salesforce: Salesforce) -> None:
    """Every call has a timeout; simple-salesforce gives none (issue 148)."""
    salesforce.describe("Contact")
    org.admin.fault("slow", "describe", seconds=3)
    salesforce.http._timeout_s = (1.0, 0.3)  # noqa: SLF001 - thirty seconds are long for a test

    with pytest.raises(RetryableError, match="acme: GET"):
        salesforce.describe("Contact")


def test_a_key_with_slashes_and_signs_is_data_not_path(org: Simulator, salesforce: Salesforce) -> None:
    """simple-salesforce's upsert puts raw keys into the address (restforce issue 411)."""
    write = contact_write(1)
    keys = ["../Account/1", "a b?c#d", "ключ"]
    for key in keys:
        salesforce.write([type(write)(object="Contact", operation="upsert", key=key, values={"LastName": "Rossi"})])

    stored = org.admin.query("SELECT Crocevia_Key__c FROM Contact ORDER BY CreatedDate, Id")
    assert [row["Crocevia_Key__c"] for row in stored] == keys
