"""Writes: how many calls, one outcome each, and what of a batch survives its worst row."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from crocevia import Answer, Http, Secret, Write, Written
from crocevia.errors import (
    AuthError,
    DuplicateError,
    GoneError,
    RejectedError,
    RetryableError,
    SchemaDriftError,
    ThrottledError,
)
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.org_records import api_calls, contact_write, interaction_write, last_call


def test_a_thousand_interactions_of_known_profiles_take_one_call(org: Simulator, salesforce: Salesforce) -> None:
    """A Composite of five Collections of 200, counted as one."""
    contacts = org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(50)])

    outcomes = salesforce.write([interaction_write(n, contacts[n % 50]) for n in range(1_000)])

    assert all(isinstance(outcome, Written) and outcome.created for outcome in outcomes)
    assert api_calls(org) == ["POST composite"]
    assert org.admin.count("Interaction__c") == 1_000


def test_a_small_batch_of_one_object_is_one_collections_call(org: Simulator, salesforce: Salesforce) -> None:
    """No Composite around a single part."""
    salesforce.write([contact_write(n) for n in range(200)])

    assert api_calls(org) == ["PATCH composite/sobjects/Contact/Crocevia_Key__c"]


def test_outcomes_stand_in_the_order_of_the_writes(org: Simulator, salesforce: Salesforce) -> None:
    """Also where parents, updates and deletes are sorted apart on the way."""
    first, second = org.admin.create("Contact", [{"LastName": "Bianchi"}, {"LastName": "Verdi"}])
    batch = [
        interaction_write(1, second),
        Write(object="Contact", operation="delete", key="k2", id=second),
        contact_write(3),
        Write(object="Contact", operation="update", key="k1", id=first, values={"FirstName": "Ada"}),
        interaction_write(2, first),
    ]

    outcomes = salesforce.write(batch)

    ids = [outcome.id for outcome in outcomes if isinstance(outcome, Written)]
    assert [remote_id[:3] == "003" for remote_id in ids] == [False, True, True, True, False]
    assert ids[1] == second
    assert ids[3] == first
    assert api_calls(org) == ["POST composite"]
    assert org.admin.record("Contact", first)["FirstName"] == "Ada"  # type: ignore[index]  # it is there


def test_an_upsert_made_twice_makes_one_record(org: Simulator, salesforce: Salesforce) -> None:
    """The second finds the key and says so."""
    created = salesforce.write([contact_write(1)])[0]
    found = salesforce.write([contact_write(1, LastName="Rossi-Bianchi")])[0]

    assert created == Written(id=getattr(found, "id", ""), created=True)
    assert getattr(found, "created", None) is False
    assert org.admin.count("Contact") == 1


def test_writes_of_one_key_become_one_row_with_the_later_values(org: Simulator, salesforce: Salesforce) -> None:
    """Salesforce fails every row of a key that comes twice in a call."""
    batch = [contact_write(1, FirstName="Ada", Title="Dr"), contact_write(2), contact_write(1, FirstName="Adele")]

    outcomes = salesforce.write(batch)

    assert outcomes[0] == outcomes[2]
    stored = org.admin.query("SELECT FirstName, Title FROM Contact WHERE LastName = 'Rossi 1'")
    assert [(row["FirstName"], row["Title"]) for row in stored] == [("Adele", "Dr")]


def test_only_what_differs_is_sent(org: Simulator, salesforce: Salesforce) -> None:
    """An update by id leaves every other field alone, and None clears one."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi", "FirstName": "Ada", "Title": "Dr"})

    salesforce.write([Write(object="Contact", operation="update", key="k", id=contact, values={"Title": None})])

    assert org.admin.mutations()[-1]["values"] == {"Title": None}


def test_an_interaction_of_a_person_and_his_record_come_in_order(org: Simulator, salesforce: Salesforce) -> None:
    """Contacts are written before what points to them, wherever they stand in the batch."""
    salesforce.write([interaction_write(1), contact_write(1)])

    assert [mutation["object"] for mutation in org.admin.mutations()] == ["Contact", "Interaction__c"]


def test_one_bad_row_fails_alone(org: Simulator, salesforce: Salesforce) -> None:
    """The others are committed: all-or-none is off."""
    outcomes = salesforce.write([contact_write(1), contact_write(2, Email="not an address"), contact_write(3)])

    assert [type(outcome) for outcome in outcomes] == [Written, RejectedError, Written]
    assert "not an address" not in str(outcomes[1])
    assert "Contact profile-00002" in str(outcomes[1])


def test_a_value_that_spoils_the_whole_call_is_found_by_halving(
    org: Simulator, salesforce: Salesforce, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where JSON_PARSER_ERROR refuses all 200 rows for one, the 199 go through, in few calls."""
    batch = [contact_write(n) for n in range(200)]
    batch[57] = contact_write(57, Title="poison")
    monkeypatch.setattr(Http, "request", _refusing(Http.request))

    outcomes = salesforce.write(batch)

    assert [place for place, outcome in enumerate(outcomes) if not isinstance(outcome, Written)] == [57]
    assert isinstance(outcomes[57], RejectedError)
    assert org.admin.count("Contact") == 199
    assert len(api_calls(org)) <= 10


def _refusing(send: Callable[..., Answer]) -> Callable[..., Answer]:
    """The org, but a Collections call that holds the word poison is refused whole, alone or in a Composite."""
    told = [{"errorCode": "JSON_PARSER_ERROR", "message": "Cannot deserialize instance of double"}]

    def request(http: Http, method: str, path: str, **more: Any) -> Answer:
        body: Any = more.get("json")
        if "poison" not in str(body):
            return send(http, method, path, **more)
        if "compositeRequest" not in body:
            return Answer(status=400, headers={}, body=json.dumps(told).encode(), url="")
        good = [part for part in body["compositeRequest"] if "poison" not in str(part)]
        made = send(http, method, path, **{**more, "json": {**body, "compositeRequest": good}}) if good else None
        answered = iter(made.json()["compositeResponse"] if made else ())
        parts = [
            {"httpStatusCode": 400, "body": told} if "poison" in str(part) else next(answered)
            for part in body["compositeRequest"]
        ]
        return Answer(status=200, headers={}, body=json.dumps({"compositeResponse": parts}).encode(), url="")

    return request


def test_halves_of_a_character_and_control_characters_do_no_harm(org: Simulator, salesforce: Salesforce) -> None:
    """A lone surrogate cannot be written as JSON; it becomes the replacement character."""
    salesforce.write([interaction_write(1, Body__c="ciao \ud83d\x00 mondo")])

    assert [row["Body__c"] for row in org.admin.query("SELECT Body__c FROM Interaction__c")] == ["ciao � mondo"]


def test_a_commit_whose_answer_is_lost_is_repeated_without_a_double(org: Simulator, salesforce: Salesforce) -> None:
    """No answer means again; the unique key makes it one record."""
    org.admin.fault("commit_then_drop", "PATCH", times=1)

    with pytest.raises(RetryableError):
        salesforce.write([contact_write(1)])
    outcomes = salesforce.write([contact_write(1)])

    assert [getattr(outcome, "created", None) for outcome in outcomes] == [False]
    assert org.admin.count("Contact") == 1


def test_what_the_first_call_did_is_told_when_the_second_fails(org: Simulator, salesforce: Salesforce) -> None:
    """Six parts are two calls; the part of the failed one alone is to be made again."""
    ids = org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(10)])
    batch = [
        Write(object="Contact", operation="update", key=ids[n], id=ids[n], values={"Title": "Dr"}) for n in range(10)
    ]
    batch += [interaction_write(n) for n in range(900)]
    org.admin.fault("unavailable", "PATCH", times=1)

    outcomes = salesforce.write(batch)

    failed = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, RetryableError)]
    assert len(failed) == 100
    assert isinstance(outcomes[0], Written)
    assert org.admin.count("Interaction__c") == 800


def test_a_deleted_contact_is_gone(org: Simulator, salesforce: Salesforce) -> None:
    """An update by id never revives it."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    org.admin.delete("Contact", contact)

    (outcome,) = salesforce.write(
        [Write(object="Contact", operation="update", key="k", id=contact, values={"Title": "x"})]
    )

    assert isinstance(outcome, GoneError)
    assert outcome.survivor is None


def test_a_merged_contact_is_gone_with_its_survivor(org: Simulator, salesforce: Salesforce) -> None:
    """MasterRecordId is followed, so that the link can move."""
    winner, loser = org.admin.create("Contact", [{"LastName": "Rossi"}, {"LastName": "Rossi"}])
    org.admin.merge("Contact", winner, loser)

    (outcome,) = salesforce.write(
        [Write(object="Contact", operation="update", key="k", id=loser, values={"Title": "x"})]
    )

    assert isinstance(outcome, GoneError)
    assert outcome.survivor == winner


def test_an_interaction_of_a_merged_contact_waits_for_the_pull(org: Simulator, salesforce: Salesforce) -> None:
    """It is not the interaction that is gone: once the link has moved, it goes to the survivor."""
    winner, loser = org.admin.create("Contact", [{"LastName": "Rossi"}, {"LastName": "Rossi"}])
    org.admin.merge("Contact", winner, loser)

    (outcome,) = salesforce.write([interaction_write(1, loser)])

    assert isinstance(outcome, RetryableError)
    assert winner in str(outcome)
    assert isinstance(salesforce.write([interaction_write(1, winner)])[0], Written)


def test_deleting_what_is_deleted_is_done(org: Simulator, salesforce: Salesforce) -> None:
    """Asked twice, it is still not there."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    delete = Write(object="Contact", operation="delete", key="k", id=contact)

    assert salesforce.write([delete]) == [Written(id=contact)]
    assert salesforce.write([delete]) == [Written(id=contact)]


def test_a_duplicate_rule_names_the_other_record(org: Simulator, connect: Connect) -> None:
    """Its match is the candidate to link to; an alert can be overridden by settings, in Composite too."""
    org.admin.set_rules({"duplicates": [{"object": "Contact", "fields": ["Email"]}]})
    (known,) = org.admin.create("Contact", {"LastName": "Rossi", "Email": "ada@example.org"})

    (refused,) = connect().write([contact_write(1, Email="ada@example.org")])
    overridden = connect(duplicate_rules="override").write(
        [contact_write(1, Email="ada@example.org"), interaction_write(1)]
    )

    assert isinstance(refused, DuplicateError)
    assert refused.candidates == (known,)
    assert "ada@example.org" not in str(refused)
    assert all(isinstance(outcome, Written) for outcome in overridden)


def test_a_field_that_is_not_there_is_drift(salesforce: Salesforce) -> None:
    """The field is named, so that it alone is put aside."""
    (outcome,) = salesforce.write([contact_write(1, Loyalty__c="gold")])

    assert isinstance(outcome, SchemaDriftError)
    assert outcome.fields == ("Loyalty__c",)


def test_without_the_key_field_the_connection_pauses() -> None:
    """It cannot be put aside like another field: every upsert would fail, for ever."""
    with running_simulator(Options(packages=())) as org:
        salesforce = Salesforce(
            Settings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret"))
        )
        outcomes = salesforce.write([contact_write(1), contact_write(2)])

    assert [type(outcome) for outcome in outcomes] == [AuthError, AuthError]
    assert "permission set Crocevia" in str(outcomes[0])


def test_a_lock_is_retried_by_row(org: Simulator, salesforce: Salesforce) -> None:
    """The row that met it fails; the rest is written."""
    org.admin.fault("row_lock", "create Contact", times=1)

    outcomes = salesforce.write([contact_write(1), contact_write(2)])

    assert [type(outcome) for outcome in outcomes] == [RetryableError, Written]


@pytest.mark.parametrize(
    "fault", ["lock", "unavailable", "server_error", "not_acceptable", "enhance_calm", "truncate", "drop_before"]
)
def test_trouble_of_the_whole_call_is_raised_and_goes_by(org: Simulator, salesforce: Salesforce, fault: str) -> None:
    """Whatever its status and body: the same batch goes through afterwards, once."""
    org.admin.fault(fault, "PATCH", times=1)

    with pytest.raises(RetryableError) as caught:
        salesforce.write([contact_write(1)])

    assert not isinstance(caught.value, ThrottledError)
    assert isinstance(salesforce.write([contact_write(1)])[0], Written)
    assert org.admin.count("Contact") == 1


def test_a_spent_day_throttles_the_connection_for_long_and_a_crowd_for_a_moment(
    org: Simulator, salesforce: Salesforce
) -> None:
    """REQUEST_LIMIT_EXCEEDED means two things; the message tells which."""
    waits = []
    for fault in ("total_limit", "concurrent_limit"):
        org.admin.set_faults([{"kind": fault}])
        with pytest.raises(ThrottledError) as caught:
            salesforce.write([contact_write(1)])
        waits.append(caught.value.after)

    assert waits[0] is not None
    assert waits[1] is not None
    assert waits[0] > 10 * waits[1]


def test_a_session_that_ends_is_renewed_once_and_the_write_is_made(org: Simulator, salesforce: Salesforce) -> None:
    """Nobody above notices."""
    salesforce.write([contact_write(1)])
    org.admin.expire_sessions()
    before = last_call(org)

    outcomes = salesforce.write([contact_write(2)])

    assert isinstance(outcomes[0], Written)
    assert [call["status"] for call in org.admin.calls(before)] == [401, 200, 200]


def test_a_session_that_is_never_accepted_pauses_the_connection(org: Simulator, salesforce: Salesforce) -> None:
    """One new login, one more try, then AuthError: no recursion."""
    org.admin.fault("expire_session", "PATCH")

    with pytest.raises(AuthError):
        salesforce.write([contact_write(1)])

    assert len([call for call in org.admin.calls() if call["api"]]) == 2
