"""What waits for a person, decided: each kind of entry, each choice, and what comes of it in every CRM."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from crocevia.cli import main
from crocevia.config.options import Options
from crocevia.errors import RefusedError, RetryableError
from crocevia.store import connections, decisions
from crocevia.store.tables import bindings, interactions, profiles, reviews
from crocevia.store.tables import decisions as decision_table
from crocevia.sync.reviews import choices, resolve
from crocevia.testing import MemoryCRM
from tests.core.conftest import Crossroads, Script
from tests.core.test_identity_resolve import mail, phone, said, take_in

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PHONE = "+393331234567"


def the_entry(crossroads: Crossroads) -> dict[str, Any]:
    """The one open entry."""
    with crossroads.store.reading() as connection:
        [entry] = decisions.open_reviews(connection)
    return entry


def settled(crossroads: Crossroads, choice: str) -> str:
    """Anna decides the one open entry, and it is carried out."""
    said = resolve(crossroads.world, the_entry(crossroads), choice, by="anna")
    crossroads.settle()
    return said


def people_say(crossroads: Crossroads) -> list[tuple[str, str]]:
    """What people have decided: `(field, choice)`."""
    return [(row["field"], row["chosen"]) for row in crossroads.rows(decision_table, connection="person")]


def both(crossroads: Crossroads, field: str) -> list[Any]:
    """What A and B hold in a field."""
    return [crossroads.person(crm)[field] for crm in (crossroads.a, crossroads.b)]


def contested(crossroads: Crossroads) -> None:
    """A says Queen, B says Byron."""
    crossroads.options = {"b": Options(policies={"default": "ask"})}
    crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.settle()
    crossroads.a.edit(crossroads.person_id(crossroads.a), last="Queen")
    crossroads.b.edit(crossroads.person_id(crossroads.b), last="Byron")
    crossroads.settle()


@pytest.mark.parametrize(("choice", "last"), [("ours", "Queen"), ("theirs", "Byron")])
def test_a_chosen_value_goes_to_every_crm(crossroads: Crossroads, choice: str, last: str) -> None:
    """The decision is a person's, and so is the value from now on; the field goes on as any other."""
    contested(crossroads)
    settled(crossroads, choice)
    assert both(crossroads, "last") == [last, last]
    assert people_say(crossroads) == [("given_name, family_name, display_name", choice)]
    [ada] = crossroads.rows(profiles)
    assert json.loads(ada["origins"])["family_name"][1] == "person"
    [ended] = crossroads.rows(reviews)
    assert (ended["state"], ended["ended_by"], ended["choice"]) == ("ended", "anna", choice)
    crossroads.b.edit(crossroads.person_id(crossroads.b), last="Noel")
    crossroads.settle()
    assert both(crossroads, "last") == ["Noel", "Noel"]
    crossroads.check()


def test_kept_as_it_is_each_side_keeps_its_own_until_one_changes(crossroads: Crossroads) -> None:
    """Then it is asked anew."""
    contested(crossroads)
    settled(crossroads, "keep")
    assert both(crossroads, "last") == ["Queen", "Byron"]
    assert crossroads.rows(reviews, state="open") == []
    crossroads.check()
    crossroads.b.edit(crossroads.person_id(crossroads.b), last="Noel")
    crossroads.settle()
    assert both(crossroads, "last") == ["Queen", "Noel"]
    assert the_entry(crossroads)["data"]["theirs"] == {"last": "Noel"}
    crossroads.check()


def test_an_entry_is_decided_once(crossroads: Crossroads) -> None:
    """And takes only what it offers."""
    contested(crossroads)
    entry = the_entry(crossroads)
    assert list(choices(entry)) == ["ours", "theirs", "keep"]
    with pytest.raises(RefusedError, match="takes ours or theirs or keep, not 'yes'"):
        resolve(crossroads.world, entry, "yes")
    resolve(crossroads.world, entry, "ours")
    with pytest.raises(RefusedError, match="is not open any more"):
        resolve(crossroads.world, entry, "theirs")


# --- oscillation ------------------------------------------------------------------------------------------------------


def _rewriting(field: str, change: Callable[[str], str]) -> Any:
    def automation(object_name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {field: change(values[field])} if values.get(field) else {}

    return automation


def flipping(crossroads: Crossroads) -> None:
    """A writes family names in capitals, B with one capital, whatever anybody writes."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, automations=(_rewriting("last", str.upper),))
    crossroads.b = MemoryCRM(clock=crossroads.clock, automations=(_rewriting("last", str.title),))
    crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.settle()


def test_a_field_that_two_automations_rewrite_stops_and_is_shown(crossroads: Crossroads) -> None:
    """With its flips; each system keeps its own, and the other fields go on."""
    flipping(crossroads)
    assert both(crossroads, "last") == ["KING", "King"]
    entry = the_entry(crossroads)
    assert entry["kind"] == "oscillation"
    flips = [flip["connection"] for flip in entry["data"]["flips"]]
    assert flips == [*"ab" * 4][-len(flips) :]
    assert flips.count("b") == 4, "the fourth time that one record brings the same value back"
    crossroads.b.edit(crossroads.person_id(crossroads.b), tags="vip")
    crossroads.settle()
    assert both(crossroads, "tags") == ["vip", "vip"]
    crossroads.check()


@pytest.mark.parametrize("choice", ["ours", "theirs", "keep"])
def test_a_flipping_field_comes_to_rest_whatever_is_chosen(crossroads: Crossroads, choice: str) -> None:
    """The automations are as they were: it flips a few times again and is asked again, or is kept as it is."""
    flipping(crossroads)
    settled(crossroads, choice)
    assert both(crossroads, "last") == ["KING", "King"]
    assert len(crossroads.rows(reviews, state="open")) == (0 if choice == "keep" else 1)
    crossroads.check()


def test_people_who_edit_a_few_times_a_day_are_left_alone(crossroads: Crossroads) -> None:
    """Two who do not agree, in two CRMs, every other hour, with the same two values."""
    crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.settle()
    for _ in range(8):
        for crm, last in ((crossroads.a, "KING"), (crossroads.b, "King")):
            crossroads.clock.advance(3600)
            crm.edit(crossroads.person_id(crm), last=last)
            crossroads.settle()
            assert both(crossroads, "last") == [last, last]
    assert crossroads.rows(reviews) == []


@pytest.mark.parametrize("choice", ["ours", "keep"])
def test_a_record_of_the_log_that_is_rewritten_for_ever(crossroads: Crossroads, choice: str) -> None:
    """Put right again it is rewritten and asked about again; left as it is, the rest of it goes on."""
    crossroads.b = MemoryCRM(clock=crossroads.clock, automations=(_rewriting("text", lambda _: "***"),))
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    assert the_entry(crossroads)["data"]["fields"] == ["text"]
    settled(crossroads, choice)
    assert len(crossroads.rows(reviews, state="open")) == (0 if choice == "keep" else 1)
    [row] = crossroads.rows(bindings, connection="b", of="interaction")
    assert row["state"] == ("linked" if choice == "keep" else "review")
    crossroads.check()


# --- records ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "told"), [("accept", True), ("restore", True), ("restore", False)], ids=["accept", "restore", "silent"]
)
def test_deletions_in_mass_stand_or_are_undone(crossroads: Crossroads, choice: str, told: bool) -> None:  # noqa: FBT001 - a parameter
    """Accepted, nothing is revived; restored, every customer and the log is there again, and nothing twice.

    Also where the CRM does not tell that the log has lost its customers.
    """
    crossroads.a = MemoryCRM(clock=crossroads.clock, tells_unlinked=told)
    crossroads.options = {"a": Options(delete_cap=2)}
    for number in range(3):
        crossroads.chat.write(f"c{number}", "Hello", name=f"Customer {number}", phone=f"+39333123456{number}")
    crossroads.settle()
    for id_ in list(crossroads.a.records()):
        crossroads.a.delete(id_)
    crossroads.round()
    said = resolve(crossroads.world, the_entry(crossroads), choice)
    assert "crocevia resume a" in said
    with crossroads.store.writing() as connection:
        connections.write(crossroads.store, connection, "a", state="running", reason="")
    crossroads.settle()
    assert len(crossroads.a.records()) == (0 if choice == "accept" else 3)
    assert len(crossroads.b.records()) == 3
    if choice == "restore":
        people = set(crossroads.a.records())
        assert {touch["person"] for touch in crossroads.a.records("Touch").values()} == people
        crossroads.check()


def ambiguous(crossroads: Crossroads) -> tuple[str, str]:
    """Two customers, and in A, which gets nobody new, a record with the numbers of both; their ids."""
    crossroads.options = {"a": Options(records="known")}
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.chat.write("bob", "Hello", name="Bob", phone="+393337654321")
    crossroads.settle()
    crossroads.a.create(last="King", mobile=PHONE, phone="+393337654321")
    crossroads.settle()
    ada, bob = (row["uid"] for row in crossroads.rows(profiles))
    return ada, bob


def test_a_record_is_linked_to_the_customer_that_a_person_names(crossroads: Crossroads) -> None:
    """Its values are judged like any that is met; who has a record there already is refused."""
    ada, bob = ambiguous(crossroads)
    entry = the_entry(crossroads)
    assert (entry["kind"], sorted(entry["data"]["profiles"])) == ("adoption", sorted([ada, bob]))
    with pytest.raises(RefusedError, match="there is no customer pxyz"):
        resolve(crossroads.world, entry, "pxyz")
    crossroads.a.trouble.fail(RetryableError("down"), operation="fetch")
    with pytest.raises(RetryableError):
        resolve(crossroads.world, entry, bob)
    assert the_entry(crossroads) == entry
    settled(crossroads, bob)
    [row] = crossroads.rows(bindings, connection="a", of="profile", state="linked")
    [owner] = crossroads.rows(profiles, id=row["subject_id"])
    assert (owner["uid"], row["remote_id"]) == (bob, crossroads.person_id(crossroads.a))
    assert people_say(crossroads) == [("record", bob)]


def test_a_record_in_place_of_one_that_was_deleted_is_stamped_with_our_key(crossroads: Crossroads) -> None:
    """A person says whose it is; though nothing of it differs from what we hold, it is written there."""
    crossroads.a.create(first="Ada", last="King", mobile=PHONE)
    crossroads.settle()
    person = crossroads.person(crossroads.a)
    crossroads.a.delete(crossroads.person_id(crossroads.a))
    crossroads.settle()
    crossroads.a.create(**{name: person[name] for name in ("first", "last", "mobile")})
    crossroads.settle()
    [ada] = crossroads.rows(profiles)
    settled(crossroads, ada["uid"])
    assert crossroads.person(crossroads.a)["crocevia_key"] == person["crocevia_key"]
    crossroads.check()


def test_a_record_is_somebody_elses(crossroads: Crossroads) -> None:
    """A customer of its own is made of it; in the other CRM, which has those numbers too, a person is asked as well."""
    ambiguous(crossroads)
    settled(crossroads, "new")
    assert sorted(person["last"] for person in crossroads.b.records().values()) == ["Ada", "Bob"]
    assert list(choices(the_entry(crossroads))) == ["new", "keep"]
    settled(crossroads, "new")
    assert sorted(person["last"] for person in crossroads.b.records().values()) == ["Ada", "Bob", "King"]
    assert crossroads.rows(reviews, kind="adoption", state="open") == []


def test_a_record_that_a_person_does_not_want_is_not_made(crossroads: Crossroads) -> None:
    """Nor is he asked again, whatever comes of the customer."""
    ambiguous(crossroads)
    settled(crossroads, "new")
    settled(crossroads, "keep")
    [king] = [id_ for id_, person in crossroads.a.records().items() if person["last"] == "King"]
    crossroads.a.edit(king, tags="vip")
    crossroads.settle()
    assert sorted(person["last"] for person in crossroads.b.records().values()) == ["Ada", "Bob"]
    assert crossroads.rows(reviews, state="open") == []
    assert [choice for _, choice in people_say(crossroads)] == ["new", "keep"]
    crossroads.check()


# --- customers --------------------------------------------------------------------------------------------------------


def compared(crossroads: Crossroads) -> tuple[str, str]:
    """Ada, known by number, A. Rossi, known by mail, and somebody who proves both; their ids."""
    crossroads.more["script"] = lambda: Script(Script.settings_type()(), connection="script")
    take_in(crossroads, said("1", phone(), name="Ada"), said("2", mail(), name="A. Rossi"))
    take_in(crossroads, said("3", phone(), mail()))
    crossroads.settle()
    ada, rossi = (row["uid"] for row in crossroads.rows(profiles))
    return ada, rossi


def test_two_who_are_one_are_merged(crossroads: Crossroads) -> None:
    """The older stays, with all that was said; a person is told of the second record in each CRM, and sees to it."""
    ada, rossi = compared(crossroads)
    assert list(choices(the_entry(crossroads))) == ["merge", "apart"]
    assert settled(crossroads, "merge") == f"{rossi} merged into {ada}"
    [first, second] = crossroads.rows(profiles)
    assert (first["merged_into"], second["merged_into"]) == (None, first["id"])
    assert {row["profile_id"] for row in crossroads.rows(interactions)} == {first["id"]}
    with crossroads.store.reading() as connection:
        doubles = decisions.open_reviews(connection)
    assert [(one["kind"], one["connection"], list(choices(one))) for one in doubles] == [
        ("double record", "a", ["done"]),
        ("double record", "b", ["done"]),
    ]
    for one in doubles:
        resolve(crossroads.world, one, "done")
    crossroads.settle()
    assert crossroads.rows(reviews, state="open") == []
    assert [choice for field, choice in people_say(crossroads) if field == "record"] == ["merge", "done", "done"]
    crossroads.check()


def test_two_who_are_not_one_are_never_compared_again(crossroads: Crossroads) -> None:
    """Whatever proves both of them later."""
    ada, rossi = compared(crossroads)
    assert settled(crossroads, "apart") == f"{ada}, {rossi} are different customers"
    take_in(crossroads, said("4", mail(), phone()))
    crossroads.settle()
    assert [row["merged_into"] for row in crossroads.rows(profiles)] == [None, None]
    assert crossroads.rows(reviews, state="open") == []
    assert people_say(crossroads) == [("record", "apart")]
    crossroads.check()


# --- from the command line --------------------------------------------------------------------------------------------

PLUGIN = """
from crocevia import hookimpl
from crocevia.testing import MemoryChannel, MemoryCRM

@hookimpl
def crocevia_register_connectors():
    return [MemoryChannel().connector_class(), MemoryCRM().connector_class()]
"""
SETTINGS = """
[connections.chat]
kind = "memory_channel"
secret = "memory secret"
account = "shop"
[connections.a]
kind = "memory_crm"
[connections.b]
kind = "memory_crm"
policy = "ask"
"""


@pytest.fixture
def folder(crossroads: Crossroads, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings, a plugin and a copy of the store in which two people contest a name."""
    monkeypatch.setitem(sys.modules, "crocevia_plugin", sys)
    monkeypatch.delitem(sys.modules, "crocevia_plugin")
    contested(crossroads)
    made = tmp_path / "day"
    made.mkdir()
    (made / "crocevia_plugin.py").write_text(PLUGIN)
    (made / "crocevia.toml").write_text(SETTINGS)
    crossroads.store.close()
    for file in tmp_path.glob("store.db*"):
        shutil.copy(file, made / file.name.replace("store", "crocevia"))
    return made


def run(folder: Path, *arguments: str) -> Result:
    """Run `crocevia ARGUMENTS` on the folder's settings."""
    return CliRunner().invoke(main, ["--settings", str(folder / "crocevia.toml"), *arguments])


def test_the_queue_is_listed_shown_and_decided(folder: Path) -> None:
    """In words and as JSON; what was decided stays, and `why` tells it with the value."""
    [entry] = json.loads(run(folder, "review", "list", "--json").output)
    number = str(entry["id"])
    assert entry["choices"].keys() == {"ours", "theirs", "keep"}
    assert run(folder, "review", "list").output.startswith(f"{number}: conflict, b: family_name of p")
    shown = run(folder, "review", "show", number).output
    assert 'theirs: {"last": "Byron"}' in shown
    assert "theirs: that CRM's value is taken and goes everywhere" in shown
    done = run(folder, "review", "resolve", number, "theirs", "--by", "anna")
    assert (done.exit_code, done.output) == (0, "family_name: theirs stands, and goes to every CRM\n")
    assert run(folder, "review", "list").output == "nothing to review\n"
    assert "by anna: theirs" in run(folder, "review", "show", number).output
    told = run(folder, "why", PHONE, "family_name").output
    assert 'family_name: "Byron"' in told
    assert "person: theirs: anna chose 'theirs' in review" in told


def test_why_tells_what_each_crm_holds_and_what_waits(folder: Path) -> None:
    """Seen, last agreed on, held; the open review; the decisions, newest first."""
    [told] = json.loads(run(folder, "why", PHONE, "family_name", "--json").output)
    a, b = told["records"]
    assert (told["value"], told["given"]["by"]) == ("Queen", "a")
    assert (a["seen"]["last"], a["agreed"]["last"], a["held"]) == ("Queen", "Queen", [])
    assert (b["seen"]["last"], b["agreed"]["last"], b["held"]) == ("Byron", "King", ["last"])
    assert [(one["kind"], one["connection"]) for one in told["reviews"]] == [("conflict", "b")]
    assert [(one["connection"], one["chosen"]) for one in told["decisions"]] == [("b", "ask"), ("a", "theirs")]
    shown = run(folder, "why", PHONE, "family_name").output
    assert 'agreed: {"first": "Ada", "last": "King"}' in shown
    assert "conflict with b since" in shown
    assert "absent (never known)" in run(folder, "why", PHONE, "language").output
    assert run(folder, "why", PHONE, "tags").exit_code == 0
    wrong = run(folder, "why", PHONE, "family")
    assert (wrong.exit_code, "no field 'family'; did you mean family_name?" in wrong.stderr) == (2, True)


def test_a_wrong_choice_or_number_is_said(folder: Path) -> None:
    """A choice that there is not is an error of usage; an entry that there is not, an answer."""
    [entry] = json.loads(run(folder, "review", "list", "--json").output)
    wrong = run(folder, "review", "resolve", str(entry["id"]), "yes")
    assert (wrong.exit_code, "takes ours or theirs or keep, not 'yes'" in wrong.stderr) == (2, True)
    missing = run(folder, "review", "show", "999999")
    assert (missing.exit_code, missing.stderr) == (
        1,
        "there is no entry 999999: `crocevia review list` has those that are open\n",
    )
