"""An org without the package: customers in standard fields, nothing else, and never a double."""

from collections.abc import Iterator
from typing import Any

import pytest

from crocevia import ContactPoint, RecordChanged, Secret, Write, Written
from crocevia.errors import OutcomeUnknownError, RemoteError, RetryableError
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Options, Simulator, running_simulator
from tests.plugins.salesforce.org_records import CONTEXT, api_calls, raw_page


@pytest.fixture
def bare() -> Iterator[Simulator]:
    """An org as Salesforce delivers it."""
    with running_simulator(Options(packages=())) as simulator:
        yield simulator


@pytest.fixture
def standard(bare: Simulator) -> Salesforce:
    """A connector that expects no more."""
    secret = Secret("simulated-secret")
    return Salesforce(Settings(instance_url=bare.url, client_id="crocevia", client_secret=secret, package=False))


def new(number: int, **values: Any) -> Write:
    """A new customer, as the core writes him where no key is kept."""
    return Write(
        object="Contact", operation="upsert", key=f"k{number}", values={"LastName": f"Rossi {number}", **values}
    )


def test_check_finds_nothing_wrong_with_it(standard: Salesforce) -> None:
    """It only says what is not kept there."""
    findings = list(standard.check())

    assert [finding for finding in findings if finding.level == "problem"] == []
    assert [finding.what for finding in findings if finding.level == "warning"] == ["Contact: Identity__c"]
    assert [mapping.object for mapping in standard.mappings()] == ["Contact"]


def test_customers_are_created_changed_read_and_found(bare: Simulator, standard: Salesforce) -> None:
    """By their ids; 200 a call."""
    outcomes = standard.write([new(n, MobilePhone=f"+3933312345{n:02}") for n in range(100)])
    (first, *_) = outcomes
    assert isinstance(first, Written)
    changed = Write(object="Contact", operation="update", key="k0", id=first.id, values={"FirstName": "Ada"})
    assert standard.write([changed]) == [Written(id=first.id)]

    fields = standard.mappings()[0].remote_fields
    page = standard.changes("Contact", None, fields)
    events = list(standard.parse(raw_page(page), CONTEXT))
    wanted = ContactPoint("phone", "", "+393331234500")

    assert all(isinstance(outcome, Written) and outcome.created for outcome in outcomes)
    assert [call for call in api_calls(bare) if call.startswith("P")] == [
        "POST composite/sobjects",
        "PATCH composite/sobjects",
    ]
    assert len([event for event in events if isinstance(event, RecordChanged)]) == 100
    assert [record.values["FirstName"] for record in standard.find("Contact", [wanted], fields)[wanted]] == ["Ada"]


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ("commit_then_drop", OutcomeUnknownError),
        ("truncate", OutcomeUnknownError),
        ("server_error", OutcomeUnknownError),
        ("unavailable", RetryableError),
        ("lock", RetryableError),
    ],
)
def test_a_create_that_may_have_happened_is_not_repeated(
    bare: Simulator, standard: Salesforce, fault: str, expected: type[RemoteError]
) -> None:
    """There is no key to find it by: it is unknown, and the core looks before anybody makes it again."""
    bare.admin.fault(fault, "POST .*composite/sobjects", times=1)

    try:
        (outcome,) = standard.write([new(1)])
    except RemoteError as error:
        outcome = error

    assert type(outcome) is expected
    assert standard.idempotent_upsert is False


def test_with_the_package_the_same_is_repeatable(connect: Any) -> None:
    """By our key."""
    assert connect().idempotent_upsert is True
