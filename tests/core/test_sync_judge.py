"""The judge: one lens of one record, case by case; and what its verdicts come to, end to end."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from crocevia import ContactPoint
from crocevia.config.options import Options, Policy
from crocevia.mapping import CODECS, FullName, Lens, Plain, Slots
from crocevia.store.tables import bindings, decisions, reviews
from crocevia.sync.judge import Evidence, by_policy, judge, meet
from crocevia.testing import MemoryCRM
from tests.core.conftest import Crossroads

AT = datetime(2026, 11, 21, 9, 0, tzinfo=UTC)
TAGS = Plain(name="tags", field="Tags", codec=CODECS["semicolon list"])
SCORE = Plain(name="score", field="Score", codec=CODECS["integer"])
CITY = Plain(name="city", field="City", limits={"City": 5})
NAME = FullName(field="Name", limits={"Name": 10})
PHONES = Slots(places={"Mobile": ("phone", "mobile"), "Work": ("phone", "work")})


def points(**slots: str) -> dict[str, Any]:
    """Phone numbers by slot."""
    return {"contact_points": tuple(ContactPoint("phone", "", value, slot=slot) for slot, value in slots.items())}


@pytest.mark.parametrize(
    ("lens", "remote", "seen", "base", "ours", "ruling", "values"),
    [
        pytest.param(CITY, "Rome", "Rome", "Rome", "Turin", "unchanged", None, id="nobody changed it there"),
        pytest.param(CITY, None, "", None, "Turin", "unchanged", None, id="nothing and empty are the same there"),
        pytest.param(CITY, "Turin", "Rome", "Rome", "Turin", "agreed", None, id="both changed it to the same"),
        pytest.param(CITY, "Floren", "Floren", "Floren", "Florence", "unchanged", None, id="a cut one, unchanged"),
        pytest.param(CITY, "Flore", "Rome", "Rome", "Florence", "agreed", None, id="what is cut there is the same"),
        pytest.param(CITY, "Turin", "Rome", "Rome", "Rome", "theirs", "Turin", id="changed there alone"),
        pytest.param(CITY, None, "Rome", "Rome", "Rome", "theirs", None, id="cleared there alone"),
        pytest.param(CITY, "Turin", "Rome", "Rome", "Milan", "conflict", "Turin", id="changed on both sides"),
        pytest.param(SCORE, "many", 5, 5, 5, "unreadable", None, id="no number"),
        pytest.param(TAGS, "b;a", "a;b", "a;b", ["a", "b"], "unchanged", None, id="in the order of a picklist"),
        pytest.param(NAME, "Wolfeschle", "Ada", "Ada", "Wolfeschlegel", "agreed", None, id="a long name that is cut"),
    ],
)
def test_a_field_of_a_linked_record(
    lens: Lens, remote: Any, seen: Any, base: Any, ours: Any, ruling: str, values: Any
) -> None:
    """What is observed, what was last seen, what both last held, and ours."""
    [field] = lens.remote
    canonical: Mapping[str, Any] = {"family_name" if lens is NAME else lens.fields[0]: ours}
    verdict = judge(lens, {field: remote}, {field: seen}, {field: base}, canonical, theirs_first=True)
    assert verdict.ruling == ruling
    if ruling in ("theirs", "conflict"):
        assert dict(verdict.values) == {lens.fields[0]: values}
    assert verdict.why


@pytest.mark.parametrize(
    ("remote", "seen", "ours", "theirs_first", "merged"),
    [
        pytest.param({"Mobile": "2"}, {"Mobile": "1"}, points(mobile="1"), True, {"2": "mobile"}, id="corrected there"),
        pytest.param({"Mobile": None}, {"Mobile": "1"}, points(mobile="1"), True, {}, id="taken away there"),
        pytest.param(
            {"Mobile": "1", "Work": "2"},
            {"Mobile": "1"},
            points(mobile="1", other="3"),
            True,
            {"1": "mobile", "3": "other", "2": "work"},
            id="added on both sides",
        ),
        pytest.param(
            {"Mobile": "2"},
            {"Mobile": "1"},
            points(mobile="3"),
            True,
            {"2": "mobile", "3": "other"},
            id="both, theirs first",
        ),
        pytest.param(
            {"Mobile": "2"},
            {"Mobile": "1"},
            points(mobile="3"),
            False,
            {"3": "mobile", "2": "other"},
            id="both, ours first",
        ),
    ],
)
def test_sets_are_merged_element_by_element(
    remote: dict[str, Any],
    seen: dict[str, Any],
    ours: dict[str, Any],
    theirs_first: bool,  # noqa: FBT001 - a parameter
    merged: dict[str, str],
) -> None:
    """A correction removes the wrong number instead of keeping both."""
    verdict = judge(PHONES, remote, seen, seen, ours, theirs_first=theirs_first)
    assert {point.value: point.slot for point in verdict.values["contact_points"]} == merged


@pytest.mark.parametrize(
    ("remote", "ours", "theirs_first", "ruling"),
    [
        ("Rome", {"city": "Rome"}, True, "agreed"),
        (None, {"city": "Rome"}, True, "ours"),
        ("Rome", {}, False, "theirs"),
        ("Rome", {"city": None}, False, "theirs"),
        ("Rome", {"city": "Turin"}, True, "theirs"),
        ("Rome", {"city": "Turin"}, False, "ours"),
    ],
)
def test_a_record_that_is_met_for_the_first_time(
    remote: Any,
    ours: dict[str, Any],
    theirs_first: bool,  # noqa: FBT001 - a parameter
    ruling: str,
) -> None:
    """Fill what is empty, else by priority, never ask."""
    assert meet(CITY, {"City": remote}, ours, theirs_first=theirs_first).ruling == ruling


NOW = AT + timedelta(days=2)
SOON = timedelta(seconds=5)


@pytest.mark.parametrize(
    ("policy", "ours_at", "theirs_at", "chosen"),
    [
        pytest.param("latest", AT, AT + timedelta(seconds=6), "theirs", id="theirs is later"),
        pytest.param("latest", AT + timedelta(seconds=6), AT, "ours", id="ours is later"),
        pytest.param("latest", AT, AT + SOON, "ask", id="too near to tell"),
        pytest.param("latest", AT + SOON, AT, "ask", id="too near to tell, the other way"),
        pytest.param("latest", None, AT, "ask", id="nobody knows when ours was set"),
        pytest.param("latest", AT, None, "ask", id="nobody knows when theirs was set"),
        pytest.param("latest", AT, NOW + 2 * SOON, "ask", id="their clock runs ahead"),
        pytest.param("latest", NOW + 2 * SOON, AT, "ask", id="the clock of whom we have ours from runs ahead"),
        pytest.param("latest", AT, NOW + SOON, "theirs", id="ahead by no more than clocks may differ"),
        pytest.param("crm wins", AT + timedelta(days=1), AT, "theirs", id="crm wins"),
        pytest.param("channel wins", AT, AT + timedelta(days=1), "ours", id="channel wins"),
        pytest.param("ask", AT, AT + timedelta(days=1), "ask", id="ask"),
    ],
)
def test_policies(policy: str, ours_at: datetime | None, theirs_at: datetime | None, chosen: str) -> None:
    """What one cannot tell, a person is asked."""
    evidence = Evidence(now=NOW, guard=SOON, ours_at=ours_at, theirs_at=theirs_at)
    assert by_policy(policy, evidence)[0] == chosen


@pytest.mark.parametrize(
    ("ours", "theirs", "chosen"), [(1, 2, "theirs"), (2, 1, "ours"), (1, 1, "ask"), (None, 9, "ours")]
)
def test_the_higher_priority_wins_whenever_it_was(ours: int | None, theirs: int, chosen: str) -> None:
    """A person of ours (None) is above every connection; equals are a tie."""
    evidence = Evidence(
        now=NOW, guard=SOON, ours_at=AT, theirs_at=AT - timedelta(days=1), ours_rank=ours, theirs_rank=theirs
    )
    assert by_policy("priority", evidence)[0] == chosen


# --- end to end


def both_edit(crossroads: Crossroads, policy: Policy) -> None:
    """A is edited first, B a minute later, before anybody has heard of either; A is heard first."""
    crossroads.options = {name: Options(policies={"default": policy}) for name in ("a", "b")}
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.settle()
    crossroads.a.edit(crossroads.person_id(crossroads.a), first="Ada", last="King")
    crossroads.clock.advance(60)
    crossroads.b.edit(crossroads.person_id(crossroads.b), first="Ada", last="Queen")
    crossroads.settle()


@pytest.mark.parametrize(("policy", "last"), [("latest", "Queen"), ("crm wins", "Queen"), ("channel wins", "King")])
def test_two_people_who_edit_the_same_field_end_with_one_value(
    crossroads: Crossroads, policy: Policy, last: str
) -> None:
    """In both CRMs, with the decision written down."""
    both_edit(crossroads, policy)
    assert [crossroads.person(crm)["last"] for crm in (crossroads.a, crossroads.b)] == [last, last]
    chosen = [(row["connection"], row["chosen"]) for row in crossroads.rows(decisions) if "family_name" in row["field"]]
    assert chosen[-1] == ("b", "theirs" if last == "Queen" else "ours")
    crossroads.check()


def test_asked_both_values_are_kept_where_they_are(crossroads: Crossroads) -> None:
    """In the review queue; other fields go on being kept in step."""
    both_edit(crossroads, "ask")
    assert [crossroads.person(crm)["last"] for crm in (crossroads.a, crossroads.b)] == ["King", "Queen"]
    assert [row["connection"] for row in crossroads.rows(reviews, kind="conflict")] == ["b"]
    crossroads.a.edit(crossroads.person_id(crossroads.a), tags="vip")
    crossroads.settle()
    assert crossroads.person(crossroads.b)["tags"] == "vip"
    assert [crossroads.person(crm)["last"] for crm in (crossroads.a, crossroads.b)] == ["King", "Queen"]
    crossroads.check()


def test_clearing_a_field_clears_it_everywhere(crossroads: Crossroads) -> None:
    """Cleared is a value; a number that is taken away leaves too, but still says who writes from it."""
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.settle()
    id_ = crossroads.person_id(crossroads.a)
    crossroads.a.edit(id_, first="Ada", last="King", tags="vip", email="ada@example.com")
    crossroads.settle()
    crossroads.a.edit(id_, first=None, tags=None, email=None, mobile=None)
    crossroads.settle()
    person = crossroads.person(crossroads.b)
    assert [person[name] for name in ("first", "last", "tags", "email", "mobile")] == [None, "King", None, None, None]
    crossroads.chat.write("ada", "Still me", phone="+393331234567")
    crossroads.settle()
    assert len(crossroads.a.records()) == 1
    assert crossroads.person(crossroads.a)["mobile"] is None
    crossroads.check()


def test_a_field_that_is_not_mapped_is_never_written(crossroads: Crossroads) -> None:
    """`score` is the CRM's own."""
    crossroads.a.create(last="Ada", mobile="+393331234567", score=7)
    crossroads.settle()
    crossroads.b.edit(crossroads.person_id(crossroads.b), last="King", score=3)
    crossroads.settle()
    assert (crossroads.person(crossroads.a)["score"], crossroads.person(crossroads.b)["score"]) == (7, 3)
    crossroads.check()


def _shout(object_name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """An automation: family names in capitals."""
    return {"last": values["last"].upper()} if object_name == "Person" and values.get("last") else {}


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    "make",
    [
        pytest.param({"lossy": True}, id="one name field, 30 and 60 characters"),
        pytest.param({"normalises": True}, id="it rewrites what is written"),
        pytest.param({"lossy": True, "normalises": True}, id="both"),
        pytest.param({"automations": (_shout,)}, id="an automation"),
        pytest.param({"page_limit": 1, "write_limit": 2}, id="small pages"),
        pytest.param({"conditional_write": True}, id="conditional writes"),
    ],
)
def test_it_comes_to_rest_with_any_crm(crossroads: Crossroads, make: dict[str, Any]) -> None:
    """And then a full cycle makes no write call at all."""
    crossroads.b = MemoryCRM(clock=crossroads.clock, **make)
    crossroads.chat.write(
        "ada", "x" * 200, name="Wolfeschlegelsteinhausenbergerdorff  the 3rd", phone="+39 333 123 4567"
    )
    crossroads.settle()
    crossroads.check()
    id_ = crossroads.person_id(crossroads.a)
    crossroads.a.edit(
        id_, first="Maria Anna", last="Di Bella ", email="Maria@Example.COM", phone="02 1234567", tags="b;a"
    )
    crossroads.settle()
    crossroads.check()
    other = crossroads.person_id(crossroads.b)
    values: dict[str, Any] = {"name": "Maria Anna Rossi"} if crossroads.b.lossy else {"last": "Rossi"}
    crossroads.b.edit(other, **values)
    crossroads.settle()
    crossroads.check()
    assert crossroads.person(crossroads.a)["last"].title() == "Rossi"
    assert [row["text"] for row in crossroads.a.records("Touch").values()] == ["x" * 200]


def test_what_only_we_write_is_restored_a_few_times_and_then_shown_to_a_person(crossroads: Crossroads) -> None:
    """Somebody's automation rewrites our log for ever: it stops."""

    def censor(object_name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"text": "***"} if object_name == "Touch" else {}

    crossroads.b = MemoryCRM(clock=crossroads.clock, automations=(censor,))
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.settle()
    [row] = crossroads.rows(bindings, connection="b", of="interaction")
    assert row["state"] == "review"
    assert len(crossroads.rows(reviews, kind="oscillation")) == 1
    assert [row["text"] for row in crossroads.a.records("Touch").values()] == ["Hello"]
    crossroads.check()
