"""What both sides changed: lists element by element, policies, clocks, and fields that wait for a person."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from crocevia import Chosen, Conflict, hookimpl
from crocevia.config.options import Options
from crocevia.mapping import CODECS, Codec, Lens, Plain
from crocevia.store.tables import bindings, decisions, profiles, reviews
from crocevia.testing import FakeClock, MemoryCRM
from tests.core.conftest import Crossroads

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def known(crossroads: Crossroads, **options: Options) -> None:
    """Ada King, in both CRMs, with two tags; a minute ago."""
    crossroads.options = options
    crossroads.a.create(first="Ada", last="King", mobile="+393331234567", tags="press;vip")
    crossroads.settle()
    crossroads.clock.advance(60)


def edit(crossroads: Crossroads, name: str, **values: Any) -> None:
    """Somebody edits Ada in a CRM."""
    crm = crossroads.crms[name]
    crm.edit(crossroads.person_id(crm), **values)


def both(crossroads: Crossroads, field: str) -> list[Any]:
    """What A and B hold in a field."""
    return [crossroads.person(crm)[field] for crm in (crossroads.a, crossroads.b)]


def asked(crossroads: Crossroads, state: str = "open") -> list[tuple[str, str]]:
    """`(kind, connection)` of the entries of the review queue."""
    return [(row["kind"], row["connection"]) for row in crossroads.rows(reviews, state=state)]


# --- lists ------------------------------------------------------------------------------------------------------------


def test_tags_are_merged_element_by_element(crossroads: Crossroads) -> None:
    """One is taken away in A while another is added in B: both happen everywhere; nobody is asked."""
    known(crossroads)
    edit(crossroads, "a", tags="vip")
    edit(crossroads, "b", tags="press;vip;gold")
    crossroads.settle()
    assert both(crossroads, "tags") == ["vip;gold", "vip;gold"]
    assert asked(crossroads) == []
    crossroads.check()


def test_a_tag_that_was_removed_does_not_come_back_with_the_next_edit_elsewhere(crossroads: Crossroads) -> None:
    """Each element has a base of its own."""
    known(crossroads)
    edit(crossroads, "a", tags="vip")
    crossroads.settle()
    edit(crossroads, "b", tags="vip;gold")
    crossroads.settle()
    edit(crossroads, "a", tags=None)
    crossroads.settle()
    assert both(crossroads, "tags") == [None, None]
    crossroads.check()


def test_one_tag_in_two_spellings_is_one_tag(crossroads: Crossroads) -> None:
    """Added in both CRMs at once, and told in the order of each; no writing to and fro about capitals."""
    known(crossroads)
    edit(crossroads, "a", tags="press;vip;Gold")
    edit(crossroads, "b", tags="gold ;vip;press;press")
    crossroads.settle()
    [row] = crossroads.rows(profiles)
    assert '"tags":["press","vip","Gold"]' in row["fields"]
    crossroads.check()


# --- policies ---------------------------------------------------------------------------------------------------------


def test_what_two_people_change_in_two_parts_of_a_name_is_no_conflict(crossroads: Crossroads) -> None:
    """One corrects the given name, the other the family name."""
    known(crossroads, a=Options(policies={"default": "ask"}), b=Options(policies={"default": "ask"}))
    edit(crossroads, "a", first="Augusta")
    edit(crossroads, "b", last="Lovelace")
    crossroads.settle()
    assert (both(crossroads, "first"), both(crossroads, "last")) == (["Augusta"] * 2, ["Lovelace"] * 2)
    assert asked(crossroads) == []
    crossroads.check()


@pytest.mark.parametrize(("apart_s", "last"), [(4, ["Queen", "Byron"]), (6, ["Byron", "Byron"])])
def test_the_latest_wins_only_where_that_is_certain(crossroads: Crossroads, apart_s: int, last: list[str]) -> None:
    """Two clocks may differ by some seconds: what lies nearer together goes to a person, and the rest goes on."""
    known(crossroads)
    edit(crossroads, "a", last="Queen")
    crossroads.clock.advance(apart_s)
    edit(crossroads, "b", last="Byron", tags="press;vip;gold")
    crossroads.settle()
    assert both(crossroads, "last") == last
    assert both(crossroads, "tags") == ["press;vip;gold"] * 2
    assert asked(crossroads) == ([("conflict", "b")] if apart_s == 4 else [])
    crossroads.check()


def test_a_clock_that_runs_ahead_never_wins_by_that(crossroads: Crossroads) -> None:
    """Neither in the conflict itself, nor later, when its hour has come and gone."""
    ahead = FakeClock(crossroads.clock.now() + timedelta(hours=1))
    crossroads.a = MemoryCRM(clock=ahead)
    known(crossroads)
    edit(crossroads, "a", last="Queen")
    crossroads.turn("a")
    crossroads.clock.advance(30)
    edit(crossroads, "b", last="Byron")
    crossroads.clock.advance(2 * 3600)
    crossroads.settle()
    assert both(crossroads, "last") == ["Queen", "Byron"]
    assert asked(crossroads) == [("conflict", "b")]
    crossroads.check()


@pytest.mark.parametrize(
    ("priority", "last"), [(1, ["Byron", "Byron"]), (-1, ["Queen", "Queen"]), (0, ["Queen", "Byron"])]
)
def test_the_connection_of_higher_priority_wins(crossroads: Crossroads, priority: int, last: list[str]) -> None:
    """For this field alone; equals are a tie."""
    known(crossroads, b=Options(policies={"given_name": "crm wins", "family_name": "priority"}, priority=priority))
    crossroads.clock.advance(60)
    edit(crossroads, "b", last="Byron")
    crossroads.clock.advance(60)
    edit(crossroads, "a", last="Queen")
    crossroads.settle()
    assert both(crossroads, "last") == last
    assert asked(crossroads) == ([] if priority else [("conflict", "b")])
    crossroads.check()


def test_a_plugin_is_asked_before_any_policy(crossroads: Crossroads) -> None:
    """It knows both values, when each was set and by whom; here it answers with a third."""
    told: list[Conflict] = []

    @hookimpl
    def crocevia_resolve_conflict(conflicts: Sequence[Conflict]) -> list[Chosen]:
        told.extend(conflicts)
        return [Chosen("Lovelace") for _ in conflicts]

    crossroads.hooks = {"chooser": {"crocevia_resolve_conflict": crocevia_resolve_conflict}}
    known(crossroads, b=Options(policies={"default": "ask"}))
    edit(crossroads, "a", last="Queen")
    edit(crossroads, "b", last="Byron")
    crossroads.settle()
    assert both(crossroads, "last") == ["Lovelace", "Lovelace"]
    [conflict] = told
    assert (conflict.field, conflict.base, conflict.ours, conflict.theirs) == (
        "family_name",
        {"last": "King"},
        "Queen",
        "Byron",
    )
    assert (conflict.ours_from, conflict.policy) == ("a", "ask")
    crossroads.check()


# --- in review --------------------------------------------------------------------------------------------------------


def contested(crossroads: Crossroads) -> None:
    """A says Queen, B says Byron, and a person is asked."""
    known(crossroads, b=Options(policies={"default": "ask"}))
    edit(crossroads, "a", last="Queen")
    edit(crossroads, "b", last="Byron")
    crossroads.settle()
    assert asked(crossroads) == [("conflict", "b")]


def test_an_entry_has_base_ours_and_theirs(crossroads: Crossroads) -> None:
    """By remote field what the CRM held and holds, by our field what we hold."""
    contested(crossroads)
    [entry] = crossroads.rows(reviews)
    [row] = crossroads.rows(bindings, connection="b", of="profile")
    for said in (
        '"base":{"last":"King"}',
        '"family_name":"Queen"',
        '"theirs":{"last":"Byron"}',
        f'"binding":{row["id"]}',
    ):
        assert said in entry["data"]


@pytest.mark.parametrize("name", ["a", "b"])
def test_a_later_edit_renews_the_entry(crossroads: Crossroads, name: str) -> None:
    """On either side: still one entry, with the newest values and the old base; nothing is taken or written."""
    contested(crossroads)
    edit(crossroads, name, last="Noel")
    crossroads.settle()
    [entry] = crossroads.rows(reviews)
    assert ('"family_name":"Noel"' if name == "a" else '"theirs":{"last":"Noel"}') in entry["data"]
    assert '"base":{"last":"King"}' in entry["data"]
    assert both(crossroads, "last") == (["Noel", "Byron"] if name == "a" else ["Queen", "Noel"])
    crossroads.check()


def test_a_field_in_review_is_nobodys_to_take(crossroads: Crossroads) -> None:
    """It was a tie; an edit that would have won by the policy a minute later renews the entry, too."""
    known(crossroads)
    edit(crossroads, "a", last="Queen")
    edit(crossroads, "b", last="Byron")
    crossroads.settle()
    crossroads.clock.advance(60)
    edit(crossroads, "b", last="Noel")
    crossroads.settle()
    assert both(crossroads, "last") == ["Queen", "Noel"]
    assert asked(crossroads) == [("conflict", "b")]
    crossroads.check()


@pytest.mark.parametrize(("name", "last"), [("a", "Byron"), ("b", "Queen")])
def test_it_ends_when_both_sides_agree_and_is_asked_again_when_they_differ_again(
    crossroads: Crossroads, name: str, last: str
) -> None:
    """Whichever side gives in. The field goes on as any other; a later conflict is an entry of its own."""
    contested(crossroads)
    edit(crossroads, name, last=last)
    crossroads.settle()
    assert (asked(crossroads), asked(crossroads, "ended")) == ([], [("conflict", "b")])
    assert {row["choice"] for row in crossroads.rows(reviews)} == {"agreed"}
    edit(crossroads, "b", last="Noel")
    crossroads.settle()
    assert both(crossroads, "last") == ["Noel", "Noel"]
    edit(crossroads, "a", last="One")
    edit(crossroads, "b", last="Two")
    crossroads.settle()
    assert (asked(crossroads), asked(crossroads, "ended")) == ([("conflict", "b")], [("conflict", "b")])
    crossroads.check()


def read_as(crossroads: Crossroads, name: str, lens: Lens) -> None:
    """A CRM whose tags field holds something else of ours."""
    live = crossroads.world.lives[name]
    person = live.mappings["Person"]
    others = [one for one in person.lenses if one.fields != ("tags",)]
    live.mappings["Person"] = evolve(person, lenses=[*others, lens])


def test_a_value_that_is_not_of_the_type_is_shown_until_it_is(crossroads: Crossroads) -> None:
    """Nothing is taken from it or written over it; once it can be read, it is a change like any other."""
    crossroads.start()
    read_as(crossroads, "a", Plain(name="level", field="score", codec=CODECS["integer"]))
    read_as(crossroads, "b", Plain(name="level", field="tags", codec=Codec(str, CODECS["integer"].from_remote)))
    crossroads.a.create(first="Ada", last="King", mobile="+393331234567", score=7)
    crossroads.settle()
    assert crossroads.person(crossroads.b)["tags"] == "7"
    edit(crossroads, "b", tags="many")
    edit(crossroads, "a", last="Byron")
    crossroads.settle()
    assert (crossroads.person(crossroads.a)["score"], both(crossroads, "last")) == (7, ["Byron", "Byron"])
    assert asked(crossroads) == [("unreadable value", "b")]
    edit(crossroads, "b", tags="8")
    crossroads.settle()
    assert crossroads.person(crossroads.a)["score"] == 8
    assert (asked(crossroads), asked(crossroads, "ended")) == ([], [("unreadable value", "b")])
    crossroads.check()


def test_every_decision_is_written_down(crossroads: Crossroads) -> None:
    """Who said what, what was chosen and why."""
    contested(crossroads)
    chosen = [
        (row["connection"], row["chosen"], row["why"]) for row in crossroads.rows(decisions) if "family" in row["field"]
    ]
    assert chosen[-2:] == [
        ("a", "theirs", "it changed there, we had not"),
        ("b", "ask", "both sides changed it; policy ask"),
    ]
