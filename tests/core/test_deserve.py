"""Who gets a record in which CRM, as what, and with what in its place where nothing is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from crocevia import ContactPoint, Customer, InteractionSeen, Party, hookimpl
from crocevia.config.options import Options
from crocevia.errors import ConfigError
from crocevia.mapping.stand_in import with_placeholders
from crocevia.store.tables import bindings
from crocevia.sync.world import World
from crocevia.testing import MemoryCRM
from crocevia.testing.memory_crm.schema import mappings
from tests.core.conftest import Crossroads, Script, ScriptSettings, scripted

PHONE = "+39 333 123 4567"
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def names(crm: MemoryCRM, object_name: str = "Person") -> list[str]:
    """Family names in a CRM."""
    return sorted(row["last"] for row in crm.records(object_name).values())


def said(crm: MemoryCRM) -> list[str]:
    """The texts in a CRM, oldest first."""
    return [text for _, text, _ in ((row["direction"], row["text"], 0) for row in crm.records("Touch").values())]


@pytest.mark.parametrize(
    ("records", "expected"),
    [
        ("contacts", ["Ada", "Bob"]),
        ("identified", ["Bob"]),
        ("everyone", ["Ada", "Bob", "Passer-by"]),
        ("known", []),
    ],
)
@on_sqlite
def test_a_setting_says_who_gets_a_record(crossroads: Crossroads, records: str, expected: list[str]) -> None:
    """Ada wrote in private, Bob too and gave his number, somebody passed by; the other CRM keeps to the default."""
    crossroads.options["a"] = Options(records=records)  # type: ignore[arg-type]  # a literal, from the table above
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.chat.write("bob", "Good morning", name="Bob", phone=PHONE)
    crossroads.more["wall"] = lambda: Script(ScriptSettings(), connection="wall")
    passer = Party([ContactPoint("script", "wall", "passer")], name="Passer-by")
    at = crossroads.clock.now()
    seen = InteractionSeen(key="c1", author=passer, conversation="wall", at=at, text="Nice shop", public=True)
    crossroads.post(scripted(seen), connection="wall")
    crossroads.settle()
    assert names(crossroads.a) == expected
    assert len(said(crossroads.a)) == len(expected)
    assert names(crossroads.b) == ["Ada", "Bob"]
    crossroads.check()


@on_sqlite
def test_who_is_identified_later_gets_a_record_then_with_all_that_was_said(crossroads: Crossroads) -> None:
    """The number comes with the second message, or from the other CRM."""
    crossroads.options["a"] = Options(records="identified")
    for who in ("ada", "bob"):
        crossroads.chat.write(who, f"Hello from {who}", name=who.title())
    crossroads.settle()
    assert names(crossroads.a) == []
    crossroads.chat.write("ada", "My number", name="Ada", phone=PHONE)
    [bob] = [id_ for id_, row in crossroads.b.records().items() if row["last"] == "Bob"]
    crossroads.b.edit(bob, mobile="+39 333 765 4321")
    crossroads.settle()
    assert names(crossroads.a) == ["Ada", "Bob"]
    assert sorted(said(crossroads.a)) == ["Hello from ada", "Hello from bob", "My number"]
    crossroads.check()


@on_sqlite
def test_who_is_in_one_crm_is_known_but_not_added_to_one_that_takes_nobody_new(crossroads: Crossroads) -> None:
    """Adopted and kept in step there all the same."""
    crossroads.options["a"] = Options(records="known")
    there = crossroads.a.create(last="King", mobile=PHONE)
    crossroads.b.create(last="Other", mobile="+39 333 765 4321")
    crossroads.chat.write("ada", "Hello", name="ada_99", phone=PHONE)
    crossroads.settle()
    assert list(crossroads.a.records()) == [there]
    assert said(crossroads.a) == ["Hello"]
    assert names(crossroads.b) == ["King", "Other"]
    crossroads.check()


@on_sqlite
def test_a_plugin_says_for_each_customer_whether_and_as_what(crossroads: Crossroads) -> None:
    """Leads for who is not identified; none for Eve, whatever the setting; what they say hangs on either object."""
    asked: list[tuple[str, tuple[str, ...]]] = []

    @hookimpl
    def crocevia_deserve_record(
        customers: Sequence[Customer], connection: str, objects: tuple[str, ...]
    ) -> list[bool | str | None]:
        asked.append((connection, objects))
        if connection != "a":
            return [None] * len(customers)
        return [
            False
            if customer.values.get("display_name") == "Eve"
            else "Lead"
            if customer.known and not customer.identified
            else None
            for customer in customers
        ]

    crossroads.a = MemoryCRM(clock=crossroads.clock, leads=True)
    crossroads.options["a"] = Options(placeholders={"Lead": {"company": "A private person"}})
    crossroads.hooks["rules"] = {"crocevia_deserve_record": crocevia_deserve_record}
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.chat.write("bob", "Good morning", name="Bob", phone=PHONE)
    crossroads.chat.write("eve", "Psst", name="Eve")
    _with_placeholders(crossroads.start(), "a")
    crossroads.settle()
    assert (names(crossroads.a), names(crossroads.a, "Lead")) == (["Bob"], ["Ada"])
    assert {row["company"] for row in crossroads.a.records("Lead").values()} == {"A private person"}
    assert said(crossroads.a) == ["Hello", "Good morning"]
    assert names(crossroads.b) == ["Ada", "Bob", "Eve"]
    assert ("a", ("Person", "Lead")) in asked
    crossroads.check()


@on_sqlite
def test_a_lead_that_is_there_is_linked_and_kept_in_step_and_no_second_record_is_made(crossroads: Crossroads) -> None:
    """Whoever is bound as one object needs no other; an answer written on the lead goes out."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, leads=True)
    lead = crossroads.a.create("Lead", last="King", mobile=PHONE, company="ACME")
    crossroads.chat.write("ada", "Hello", name="ada_99", phone=PHONE)
    crossroads.settle()
    assert crossroads.a.records() == {}
    assert crossroads.a.record(lead)["crocevia_key"]
    assert names(crossroads.b) == ["King"]
    crossroads.a.create("Touch", person=lead, direction="outbound", status="to send", text="Hi Ada")
    crossroads.settle()
    assert [message.text for message in crossroads.chat.sent] == ["Hi Ada"]
    assert {row["object"] for row in crossroads.rows(bindings, connection="a", of="profile")} == {"Lead"}
    crossroads.check()


@on_sqlite
def test_a_touch_that_comes_before_its_lead_waits_for_it(crossroads: Crossroads) -> None:
    """The lead is made when everything was read; what somebody notes about it meanwhile is not lost."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, leads=True)
    crossroads.settle()
    lead = crossroads.a.create("Lead", last="King", company="ACME")
    crossroads.a.create("Touch", person=lead, direction="internal", text="A note")
    world = crossroads.start()
    found = world.lives["a"]
    found.mappings = {name: found.mappings[name] for name in ("Touch", "Person", "Lead")}
    from crocevia.sync import intake, pull  # noqa: PLC0415 - only here

    pull.fit(found)
    for stream in ("Touch", "Lead"):
        page = found.connector.changes(stream, None, pull.readable(found, found.mappings[stream]))  # type: ignore[attr-defined]  # a CRM
        pull.keep(world, found, stream, page, complete=True)
        intake.take_in(world, found)
    crossroads.settle()
    assert said(crossroads.b) == ["A note"]
    crossroads.check()


@on_sqlite
def test_an_object_that_the_plugin_makes_up_counts_as_no_answer(crossroads: Crossroads) -> None:
    """It is logged, and core's own rule holds."""
    crossroads.hooks["rules"] = {"crocevia_deserve_record": hookimpl(lambda customers: ["Unicorn"] * len(customers))}
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.settle()
    assert names(crossroads.a) == names(crossroads.b) == ["Ada"]


@pytest.mark.parametrize(
    ("placeholders", "problem"),
    [
        ({"mobile": "none"}, "mobile: expected a field that one value can fill, got contact_points"),
        ({"first": "none"}, "first: expected a field that one value can fill, got given_name, family_name"),
        ({"crocevia_key": "x"}, "crocevia_key: expected another field, got our own mark"),
    ],
)
def test_a_placeholder_that_cannot_be_is_refused(placeholders: dict[str, str], problem: str) -> None:
    """With the field and what it is."""
    person = mappings(lossy=False, keyed=True, customers=True)[0]
    with pytest.raises(ConfigError) as raised:
        with_placeholders(person, placeholders)
    assert raised.value.problems[0].startswith(problem)


@on_sqlite
def test_a_placeholder_gives_way_to_what_is_known(crossroads: Crossroads) -> None:
    """A customer without a name; then he says it."""
    crossroads.options["a"] = Options(placeholders={"Person": {"last": "(no name)"}})
    crossroads.chat.write("ada", "Hello")
    _with_placeholders(crossroads.start(), "a")
    crossroads.settle()
    assert names(crossroads.a) == ["(no name)"]
    crossroads.chat.write("ada", "I am Ada", name="Ada")
    crossroads.settle()
    assert names(crossroads.a) == names(crossroads.b) == ["Ada"]


def _with_placeholders(world: World, name: str) -> None:
    """As the settings do for a daemon."""
    live = world.lives[name]
    live.mappings = {
        key: with_placeholders(mapping, live.options.placeholders.get(key, {}))
        for key, mapping in live.mappings.items()
    }
