"""Absent, cleared and empty, end to end; and values that a CRM cannot hold."""

from collections.abc import Mapping
from typing import Any

import pytest
from attrs import evolve

from crocevia import hookimpl
from crocevia.mapping import CODECS, Lens, Plain, picklist
from crocevia.model import ObjectSchema
from crocevia.store.tables import profiles, reviews
from tests.core.conftest import Crossroads

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PHONE = "+393331234567"


def mapped(crossroads: Crossroads, **lenses: Lens) -> None:
    """What the field `tags` (a text) or `score` (a number) of a CRM holds of ours, by connection."""
    if not crossroads.lanes:
        crossroads.start()
    for name, lens in lenses.items():
        live = crossroads.world.lives[name]
        person = live.mappings["Person"]
        others = [one for one in person.lenses if one.fields != ("tags",)]
        live.mappings["Person"] = evolve(person, lenses=[*others, lens])


def edit(crossroads: Crossroads, name: str, **values: Any) -> None:
    """Somebody edits Ada in a CRM."""
    crm = crossroads.crms[name]
    crm.edit(crossroads.person_id(crm), **values)


def test_a_field_that_was_not_returned_is_not_cleared(crossroads: Crossroads) -> None:
    """B's user may not see the tags and the e-mail address for a while: neither is news."""
    hidden: set[str] = set()

    @hookimpl
    def crocevia_read_record(values: Mapping[str, Any], connection: str) -> Mapping[str, Any]:
        return {name: value for name, value in values.items() if connection != "b" or name not in hidden}

    crossroads.hooks = {"security": {"crocevia_read_record": crocevia_read_record}}
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, email="ada@example.com", tags="vip")
    crossroads.settle()
    hidden |= {"tags", "email", "first"}
    edit(crossroads, "b", last="Byron")
    crossroads.settle()
    person = crossroads.person(crossroads.a)
    assert [person[name] for name in ("first", "last", "email", "tags")] == ["Ada", "Byron", "ada@example.com", "vip"]
    crossroads.check()


def test_a_crm_that_says_nothing_with_an_empty_text(crossroads: Crossroads) -> None:
    """It is no change of what is empty, and clears what was not: a text, a number and an address."""

    @hookimpl
    def crocevia_read_record(values: Mapping[str, Any], connection: str) -> Mapping[str, Any]:
        return {name: "" if value is None and connection == "b" else value for name, value in values.items()}

    crossroads.hooks = {"empty": {"crocevia_read_record": crocevia_read_record}}
    score = Plain(name="level", field="score", codec=CODECS["integer"])
    mapped(crossroads, a=score, b=score)
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, email="ada@example.com", score=7)
    crossroads.settle()
    assert crossroads.person(crossroads.b)["score"] == 7
    crossroads.check()
    edit(crossroads, "b", score=None, first=None, email=None)
    crossroads.settle()
    person = crossroads.person(crossroads.a)
    assert [person[name] for name in ("first", "score", "email")] == [None, None, None]
    assert crossroads.rows(reviews) == []
    crossroads.check()


def test_zero_and_false_are_values(crossroads: Crossroads) -> None:
    """They are neither empty nor cleared."""
    score = Plain(name="level", field="score", codec=CODECS["integer"])
    mapped(crossroads, a=score, b=score)
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, score=7)
    crossroads.settle()
    edit(crossroads, "b", score=0)
    crossroads.settle()
    assert crossroads.person(crossroads.a)["score"] == 0
    crossroads.check()


def test_a_required_field_is_given_its_placeholder_and_that_is_nobodys_value(crossroads: Crossroads) -> None:
    """Unknown or cleared, B holds the placeholder; it does not come back as a value, and gives way to one."""
    mapped(
        crossroads,
        a=Plain(name="segment", field="tags"),
        b=Plain(name="segment", field="tags", default="unknown"),
    )
    crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.settle()
    held = []
    for segment in (None, "retail", None):
        edit(crossroads, "a", tags=segment)
        crossroads.settle()
        held.append((crossroads.person(crossroads.a)["tags"], crossroads.person(crossroads.b)["tags"]))
        crossroads.check()
    assert held == [(None, "unknown"), ("retail", "retail"), (None, "unknown")]


def restricted(crossroads: Crossroads, name: str, *options: str) -> None:
    """A CRM whose tags are a picklist that takes nothing else."""
    crm = crossroads.crms[name]
    person = crm.schemas["Person"]
    fields = {**person.fields, "tags": evolve(person.fields["tags"], options=options)}
    crm.schemas = {**crm.schemas, "Person": ObjectSchema(name="Person", fields=fields)}


def test_a_value_that_a_picklist_does_not_have_is_shown_and_stops_nothing(crossroads: Crossroads) -> None:
    """It is not sent there, other fields are; the entry ends when the value is one that can be held."""
    restricted(crossroads, "b", "Telefono", "Negozio")
    segment = Plain(name="segment", field="tags")
    mapped(crossroads, a=segment, b=evolve(segment, codec=picklist({"phone": "Telefono", "shop": "negozio"})))
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, tags="phone")
    crossroads.settle()
    edit(crossroads, "a", tags="webinar", last="Byron")
    crossroads.settle()
    person = crossroads.person(crossroads.b)
    assert (person["tags"], person["last"]) == ("Telefono", "Byron")
    [entry] = crossroads.rows(reviews)
    assert (entry["kind"], entry["connection"], entry["state"]) == ("value not allowed", "b", "open")
    assert '"ours":{"segment":"webinar"}' in entry["data"]
    crossroads.check()
    edit(crossroads, "a", tags="shop")
    crossroads.settle()
    assert crossroads.person(crossroads.b)["tags"] == "Negozio"
    assert [row["state"] for row in crossroads.rows(reviews)] == ["ended"]
    crossroads.check()


def test_what_somebody_picks_there_instead_is_taken(crossroads: Crossroads) -> None:
    """B cannot hold A's value, and a person in B says which of its own it is; later."""
    restricted(crossroads, "b", "phone", "shop")
    segment = Plain(name="segment", field="tags")
    mapped(crossroads, a=segment, b=segment)
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, tags="webinar")
    crossroads.settle()
    crossroads.clock.advance(60)
    edit(crossroads, "b", tags="shop")
    crossroads.settle()
    assert [crossroads.person(crm)["tags"] for crm in (crossroads.a, crossroads.b)] == ["shop", "shop"]
    assert [row["state"] for row in crossroads.rows(reviews)] == ["ended"]
    crossroads.check()


def test_of_a_list_what_can_be_held_is_written(crossroads: Crossroads) -> None:
    """What B's multi-picklist does not have lives on elsewhere, also when B's list is edited."""
    restricted(crossroads, "b", "VIP", "Press")
    tags = Plain(name="tags", field="tags", codec=CODECS["semicolon list"])
    mapped(crossroads, a=tags, b=tags)
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, tags="vip;gold")
    crossroads.settle()
    assert crossroads.person(crossroads.b)["tags"] == "VIP"
    edit(crossroads, "b", tags="Press")
    crossroads.settle()
    assert crossroads.person(crossroads.a)["tags"] == "gold;Press"
    assert [(row["kind"], row["state"]) for row in crossroads.rows(reviews)] == [("value not allowed", "open")]
    crossroads.check()


def test_what_is_of_no_use_there_does_not_stop_the_record(crossroads: Crossroads) -> None:
    """A's free text is B's number: where it is none, B keeps what it has, and a person is shown."""
    mapped(
        crossroads,
        a=Plain(name="level", field="tags"),
        b=Plain(name="level", field="score", codec=CODECS["integer"]),
    )
    crossroads.a.create(first="Ada", last="King", mobile=PHONE, tags="7")
    crossroads.settle()
    edit(crossroads, "a", tags="seven", last="Byron")
    crossroads.settle()
    person = crossroads.person(crossroads.b)
    assert (person["score"], person["last"]) == (7, "Byron")
    assert [(row["kind"], row["connection"]) for row in crossroads.rows(reviews)] == [("value not allowed", "b")]
    crossroads.check()
    assert len(crossroads.rows(profiles)) == 1
