"""Records of one customer become one, over the SOAP API, once."""

from typing import Any

import pytest
import sqlalchemy as sa

from crocevia import Answer, Http
from crocevia.config.options import Options
from crocevia.errors import AuthError, GoneError, OutcomeUnknownError, RejectedError, RetryableError, ThrottledError
from crocevia.store import profiles, tables
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import merge
from crocevia.testing import FaultPoints, KilledError
from crocevia_salesforce import Salesforce
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads, interactions
from tests.plugins.salesforce.org_records import last_call

__all__ = ["crossroads"]


def soap_calls(org: Simulator, since: int = 0) -> int:
    """How many SOAP calls the org has had."""
    return sum("/services/Soap/u/62.0" in call["path"] for call in org.admin.calls(since))


def test_three_records_become_one_in_two_calls(org: Simulator, salesforce: Salesforce) -> None:
    """The survivor keeps its values, what hangs on the others moves, and they say into whom they went."""
    kept, *others = org.admin.create("Contact", [{"LastName": f"Rossi {n}", "Title": f"t{n}"} for n in range(4)])
    (task,) = org.admin.create("Task", {"WhoId": others[0], "Subject": "Call"})
    before = last_call(org)

    salesforce.merge("Contact", kept, others)

    [left] = org.admin.query("SELECT Id, LastName, Title FROM Contact")
    [moved] = org.admin.query(f"SELECT WhoId FROM Task WHERE Id = '{task}'")
    assert (left["Id"], left["LastName"], left["Title"]) == (kept, "Rossi 0", "t0")
    assert moved["WhoId"] == kept
    assert soap_calls(org, before) == 2
    assert {event["id"]: event["values"].get("MasterRecordId") for event in merged(org)} == dict.fromkeys(others, kept)


def merged(org: Simulator) -> list[dict[str, Any]]:
    """What the org has merged."""
    return [found for found in org.admin.mutations() if found["op"] == "merge"]


def test_what_is_not_there_any_more_is_gone(org: Simulator, salesforce: Salesforce) -> None:
    """The core looks which of them it is."""
    kept, loser = org.admin.create("Contact", [{"LastName": "Rossi"}, {"LastName": "Verdi"}])
    org.admin.delete("Contact", loser)

    with pytest.raises(GoneError):
        salesforce.merge("Contact", kept, [loser])


def test_what_the_org_does_not_merge_is_refused(org: Simulator, salesforce: Salesforce) -> None:
    """By the org, or before it is asked."""
    (kept,) = org.admin.create("Contact", {"LastName": "Rossi"})

    with pytest.raises(RejectedError, match="INVALID_FIELD_VALUE"):
        salesforce.merge("Contact", kept, [kept])
    with pytest.raises(RejectedError, match="Interaction__c cannot be merged"):
        salesforce.merge("Interaction__c", "a00", ["a01"])


def test_a_session_that_has_ended_is_renewed(org: Simulator, salesforce: Salesforce) -> None:
    """SOAP says so in a fault, with 500; a new one that is refused too is no session at all."""
    kept, loser = org.admin.create("Contact", [{"LastName": "Rossi"}, {"LastName": "Verdi"}])
    salesforce.describe("Contact")
    org.admin.expire_sessions()

    salesforce.merge("Contact", kept, [loser])

    assert [found["id"] for found in merged(org)] == [loser]


def test_an_answer_that_is_lost_leaves_it_unknown(org: Simulator, salesforce: Salesforce) -> None:
    """It was merged, for all we know."""
    kept, loser = org.admin.create("Contact", [{"LastName": "Rossi"}, {"LastName": "Verdi"}])
    org.admin.fault("commit_then_drop", "POST .*/services/Soap", times=1)

    with pytest.raises(OutcomeUnknownError):
        salesforce.merge("Contact", kept, [loser])

    assert [found["id"] for found in merged(org)] == [loser]


@pytest.mark.parametrize("place", ["", "retire.claimed", "retire.called", "retire.before_record"])
def test_two_customers_who_are_one_here_are_one_there(crossroads: Crossroads, org: Simulator, place: str) -> None:
    """Where the connection opts in, once, whenever the daemon dies; what was said by either is his."""
    crossroads.world.lives["crm"].options = Options(merges=True)
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    crossroads.chat.write("ada2", "From my other phone", name="Ada Rossi", phone="+393477654321")
    crossroads.settle()
    with by_hand(crossroads.world) as batch:
        one, other = profiles.load(batch.transaction, profile_ids(crossroads)).values()
        merge(batch, one, other, by="person", reason="the same person")
    with FaultPoints() as points:
        if place:
            points.kill(place)
            with pytest.raises(KilledError):
                crossroads.settle()
        crossroads.settle()

    [contact] = contacts(org)
    assert [found["values"]["MasterRecordId"] for found in merged(org)] == [contact["Id"]]
    assert {found["Contact__c"] for found in interactions(org)} == {contact["Id"]}
    assert len(interactions(org)) == 2


def profile_ids(crossroads: Crossroads) -> list[int]:
    """Of every customer, the oldest first."""
    with crossroads.world.store.reading() as connection:
        return [row.id for row in connection.execute(sa.select(tables.profiles.c.id).order_by(tables.profiles.c.id))]


_FAULT = (
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body><soapenv:Fault>'
    "<faultcode>sf:{0}</faultcode><faultstring>{0}: {1}</faultstring></soapenv:Fault></soapenv:Body></soapenv:Envelope>"
)


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (500, _FAULT.format("UNABLE_TO_LOCK_ROW", "locked"), RetryableError),
        (500, _FAULT.format("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), ThrottledError),
        (500, _FAULT.format("INVALID_SESSION_ID", "Invalid Session ID"), AuthError),
        (500, "<html>something broke</html>", OutcomeUnknownError),
        (200, "<soapenv:Envelope", OutcomeUnknownError),
        (200, '<!DOCTYPE x [<!ENTITY e "e">]><Envelope/>', OutcomeUnknownError),
        (503, "<html>down for maintenance</html>", RetryableError),
    ],
)
def test_a_fault_is_a_decision(
    salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch, status: int, body: str, expected: type[Exception]
) -> None:
    """By the same table as everywhere; what is no answer of the org's is none."""
    send = Http.request

    def request(http: Http, method: str, path: str, **more: Any) -> Answer:
        if "/services/Soap/" in path:
            return Answer(status=status, headers={}, body=body.encode(), url="")
        return send(http, method, path, **more)

    monkeypatch.setattr(Http, "request", request)

    with pytest.raises(expected):
        salesforce.merge("Contact", "003000000000001AAA", ["003000000000002AAA"])
