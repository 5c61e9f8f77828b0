import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from crocevia import (
    ContactPoint,
    Event,
    ParseContext,
    Raw,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Write,
    Written,
    errors,
)
from crocevia.testing import FakeClock, MemoryCRM, MemoryCRMConnector


@pytest.fixture
def clock() -> FakeClock:
    """Time that a test moves."""
    return FakeClock()


@pytest.fixture
def new_crm(clock: FakeClock) -> Callable[..., MemoryCRM]:
    """Make a CRM on the test's clock."""

    def make(**options: Any) -> MemoryCRM:
        return MemoryCRM(clock=clock, **options)

    return make


def _fields(connector: MemoryCRMConnector, object_name: str) -> tuple[str, ...]:
    return next(mapping.remote_fields for mapping in connector.mappings() if mapping.object == object_name)


def _round(connector: MemoryCRMConnector, cursor: str | None, object_name: str = "Person") -> tuple[list[Event], str]:
    """Every event of one round of changes, and the cursor after it."""
    events: list[Event] = []
    while True:
        page = connector.changes(object_name, cursor, _fields(connector, object_name))
        cursor = page.cursor
        if page.body:
            now = connector.clock.now()
            raw = Raw(
                connection="crm", kind="memory_crm", body=page.body, received_at=now, source="page", stream=object_name
            )
            events += connector.parse(raw, ParseContext(now=now))
        if not page.more:
            return events, cursor


def _upsert(key: str, **values: Any) -> Write:
    return Write(object="Person", operation="upsert", key=key, values={"crocevia_key": key, **values})


def test_an_upsert_makes_a_record_once(new_crm: Callable[..., MemoryCRM]) -> None:
    """The second upsert of a key updates the record of the first."""
    crm = new_crm()
    connector = crm.connector()
    (first,) = connector.write([_upsert("p1", first="Ada", last="Byron")])
    (second,) = connector.write([_upsert("p1", last="Lovelace")])
    assert isinstance(first, Written)
    assert isinstance(second, Written)
    assert (first.id, first.created) == (second.id, True)
    assert second.created is False
    assert crm.record(first.id)["last"] == "Lovelace"
    assert [mutation.operation for mutation in crm.mutations] == ["create", "update"]
    assert crm.mutations[1].values == {"last": "Lovelace"}


def test_a_crm_without_our_key_makes_a_record_every_time(new_crm: Callable[..., MemoryCRM]) -> None:
    """Without a key field nothing can recognise the second upsert, and the class says so."""
    crm = new_crm(keyed=False)
    connector = crm.connector()
    write = Write(object="Person", operation="upsert", key="p1", values={"last": "Byron"})
    connector.write([write])
    connector.write([write])
    assert len(crm.records()) == 2
    assert connector.idempotent_upsert is False
    assert connector.mappings()[0].key is None


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"last": "x" * 81}, errors.RejectedError),
        ({"first": "Ada"}, errors.RejectedError),
        ({"last": "Byron", "shoe_size": "38"}, errors.SchemaDriftError),
        ({"last": 7}, errors.RejectedError),
    ],
    ids=["too long", "required missing", "unknown field", "wrong type"],
)
def test_it_refuses_what_its_schema_does_not_allow(
    new_crm: Callable[..., MemoryCRM], values: dict[str, Any], expected: type[errors.RemoteError]
) -> None:
    """One bad row is refused; its neighbour is written."""
    crm = new_crm()
    refused, written = crm.connector().write([_upsert("p1", **values), _upsert("p2", last="Hopper")])
    assert type(refused) is expected
    assert isinstance(written, Written)
    assert list(crm.records()) == [written.id]


def test_a_conditional_write_sees_an_edit_that_came_between(new_crm: Callable[..., MemoryCRM]) -> None:
    """The version that was read is not the version that is there."""
    crm = new_crm(conditional_write=True)
    connector = crm.connector()
    person = crm.create(last="Byron")
    (read,) = connector.fetch("Person", [person], ["last"])
    write = Write(object="Person", operation="update", key="p1", id=person, values={"last": "B"}, version=read.version)
    crm.trouble.meanwhile(lambda: crm.edit(person, last="Lovelace"))
    (outcome,) = connector.write([write])
    assert isinstance(outcome, errors.ConflictError)
    assert crm.record(person)["last"] == "Lovelace"


def test_changes_come_in_pages_and_once(new_crm: Callable[..., MemoryCRM], clock: FakeClock) -> None:
    """A round tells every record once, whatever the page size and equal stamps; the next tells nothing."""
    crm = new_crm(page_limit=3)
    connector = crm.connector()
    people = [crm.create(last=f"Person {number}") for number in range(8)]
    events, cursor = _round(connector, None)
    assert [event.id for event in events if isinstance(event, RecordChanged)] == people
    clock.advance(5)
    assert _round(connector, cursor)[0] == []
    crm.edit(people[3], last="Lovelace")
    again, cursor = _round(connector, cursor)
    assert [(event.id, event.values["last"]) for event in again if isinstance(event, RecordChanged)] == [
        (people[3], "Lovelace")
    ]
    assert _round(connector, cursor)[0] == []


def test_a_commit_that_becomes_visible_late_is_told(new_crm: Callable[..., MemoryCRM], clock: FakeClock) -> None:
    """Its stamp lies before the cursor, within the overlap."""
    crm = new_crm()
    connector = crm.connector()
    crm.create(last="Byron")
    clock.advance(60)
    crm.create(last="Hopper")
    _, cursor = _round(connector, None)
    late = crm.create(last="Turing", late_by=timedelta(seconds=20))
    events, cursor = _round(connector, cursor)
    assert [event.id for event in events if isinstance(event, RecordChanged)] == [late]
    assert _round(connector, cursor)[0] == []


def test_deletes_and_merges_are_told_and_answered(new_crm: Callable[..., MemoryCRM]) -> None:
    """A later write on the id names the survivor; the touches follow the person."""
    crm = new_crm()
    connector = crm.connector()
    ada, double, gone = (crm.create(last=name) for name in ("Lovelace", "Byron", "Nobody"))
    crm.edit(double, email="ada@example.org")
    touch = crm.create("Touch", person=double, text="Hello")
    _, cursor = _round(connector, None)
    crm.merge(double, into=ada)
    crm.delete(gone)
    events, _ = _round(connector, cursor)
    assert {(type(event), event.id) for event in events if isinstance(event, RecordMerged | RecordDeleted)} == {
        (RecordMerged, double),
        (RecordDeleted, gone),
    }
    assert crm.record(ada) == {**crm.record(ada), "last": "Lovelace", "email": "ada@example.org"}
    assert crm.record(touch)["person"] == ada
    merged, deleted = connector.write(
        [
            Write(object="Person", operation="update", key="k", id=person, values={"last": "X"})
            for person in (double, gone)
        ]
    )
    assert isinstance(merged, errors.GoneError)
    assert isinstance(deleted, errors.GoneError)
    assert (merged.survivor, deleted.survivor) == (ada, None)


def test_what_was_deleted_can_be_taken_back(new_crm: Callable[..., MemoryCRM]) -> None:
    """As it was, told as a change; what was merged or never there cannot."""
    crm = new_crm()
    ada, eve = crm.create(last="Ada", tags="vip"), crm.create(last="Eve")
    _, cursor = _round(crm.connector(), None)
    crm.delete(ada)
    crm.undelete(ada)
    assert crm.record(ada)["tags"] == "vip"
    assert [type(event) for event in _round(crm.connector(), cursor)[0]] == [RecordChanged]
    crm.merge(ada, into=eve)
    for id_ in (ada, eve, "P9"):
        with pytest.raises(errors.GoneError):
            crm.undelete(id_)


def test_a_lossy_crm_normalises_and_automates_in_the_same_write(new_crm: Callable[..., MemoryCRM]) -> None:
    """What is held is not what was written, and the ledger tells what is held."""
    crm = new_crm(
        lossy=True, normalises=True, automations=[lambda _, values: {"score": (values.get("score") or 0) + 1}]
    )
    rows = [["mobile", "+39 333 123"], ["mail", " Ada@Example.org "]]
    (written,) = crm.connector().write([_upsert("p1", name=" Ada ", reachable=rows)])
    assert isinstance(written, Written)
    held = crm.record(written.id)
    assert (held["name"], held["score"]) == ("Ada", 1)
    assert held["reachable"] == [["mail", "ada@example.org"], ["mobile", "+39333123"]]
    assert crm.connector().describe("Person").fields["name"].length == 30


@pytest.mark.parametrize("lossy", [False, True])
def test_people_are_found_by_contact_point(new_crm: Callable[..., MemoryCRM], *, lossy: bool) -> None:
    """A number is found with or without its country, an e-mail address in any case; one call for all."""
    crm = new_crm(lossy=lossy)
    connector = crm.connector()
    values: dict[str, Any] = (
        {"name": "Ada", "reachable": [["mobile", "333 123 4567"], ["mail", "Ada@example.org"]]}
        if lossy
        else {"last": "Ada", "mobile": "333 123 4567", "email": "Ada@example.org"}
    )
    ada = crm.create(**values)
    phone, mail = ContactPoint("phone", "", "+393331234567"), ContactPoint("email", "", "ada@example.org")
    stranger = ContactPoint("email", "", "bob@example.org")
    found = connector.find("Person", [phone, mail, stranger], ["tags"])
    assert {point: [record.id for record in records] for point, records in found.items()} == {phone: [ada], mail: [ada]}
    assert [call.operation for call in crm.calls] == ["find"]


def test_a_lost_answer_leaves_its_rows_behind(new_crm: Callable[..., MemoryCRM]) -> None:
    """The call is ambiguous: some rows are there, and the next call is well."""
    crm = new_crm()
    connector = crm.connector()
    batch = [_upsert(f"p{number}", last=f"Person {number}") for number in range(4)]
    crm.trouble.lose_answer(rows=3)
    with pytest.raises(errors.OutcomeUnknownError):
        connector.write(batch)
    assert len(crm.records()) == 3
    outcomes = connector.write(batch)
    assert [outcome.created for outcome in outcomes if isinstance(outcome, Written)] == [False, False, False, True]


def test_trouble_hits_the_calls_it_was_arranged_for(new_crm: Callable[..., MemoryCRM]) -> None:
    """Throttled twice on writing, reading untouched; a refused row is refused until all is cleared."""
    crm = new_crm()
    connector = crm.connector()
    crm.trouble.throttle(after=timedelta(seconds=7), operation="write", times=2)
    assert connector.fetch("Person", ["P1"], ["last"]) == []
    for _ in range(2):
        with pytest.raises(errors.ThrottledError) as caught:
            connector.write([_upsert("p1", last="Byron")])
        assert caught.value.after == timedelta(seconds=7)
    crm.trouble.refuse(lambda write: errors.RejectedError("memory: no") if write.key == "p2" else None)
    good, bad = connector.write([_upsert("p1", last="Byron"), _upsert("p2", last="Hopper")])
    assert isinstance(good, Written)
    assert isinstance(bad, errors.RejectedError)
    crm.trouble.clear()
    assert isinstance(connector.write([_upsert("p2", last="Hopper")])[0], Written)


def test_two_people_with_one_address_are_refused_with_the_first(new_crm: Callable[..., MemoryCRM]) -> None:
    """The refusal names whom it would double."""
    crm = new_crm(refuses_doubles=True)
    ada = crm.create(last="Byron", email="ada@example.org")
    (outcome,) = crm.connector().write([_upsert("p1", last="Lovelace", email="ada@example.org")])
    assert isinstance(outcome, errors.DuplicateError)
    assert outcome.candidates == (ada,)


def test_too_large_a_batch_is_refused_whole(new_crm: Callable[..., MemoryCRM]) -> None:
    """The limit is declared on the class, and it is held to."""
    crm = new_crm(write_limit=2)
    connector = crm.connector()
    assert type(connector).write_limit == 2
    with pytest.raises(errors.RejectedError):
        connector.write([_upsert(f"p{number}", last="X") for number in range(3)])
    assert crm.records() == {}


def test_its_default_mapping_fits_its_schema(new_crm: Callable[..., MemoryCRM]) -> None:
    """Every mapped field is there, in both shapes, and texts know their limits."""
    for lossy in (False, True):
        connector = new_crm(lossy=lossy).connector()
        for mapping in connector.mappings():
            schema = connector.describe(mapping.object)
            assert set(mapping.remote_fields) <= set(schema.fields)
            assert len(mapping.fit(schema).lenses) == len(mapping.lenses)


def test_a_page_is_plain_json(new_crm: Callable[..., MemoryCRM]) -> None:
    """What is journaled can be read by a person."""
    crm = new_crm()
    connector = crm.connector()
    crm.create(last="Byron")
    page = connector.changes("Person", None, ["last"])
    assert json.loads(page.body)["records"][0]["values"] == {"last": "Byron"}
    assert page.more is False
