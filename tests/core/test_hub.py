"""Three CRMs of three shapes and a channel at once: each change, made anywhere, reaches all others and is then at rest.

A hop is one write to a CRM that a change makes us do beyond the first: a write that had to be corrected by another.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from crocevia.store.tables import interactions as interaction_table
from crocevia.store.tables import profiles
from crocevia.testing import MemoryCRM
from tests.core.conftest import Crossroads

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)
PHONE = "+393331234567"
MOST_HOPS = 2
CRMS = ("a", "b", "c")


def _capitals(object_name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """C's automation: a family name begins with a capital, and who has a mobile number is tagged, in our own write."""
    found: dict[str, Any] = {}
    if object_name == "Person" and values.get("last"):
        found["last"] = values["last"][:1].upper() + values["last"][1:]
    if object_name == "Person" and values.get("mobile"):
        tags = [tag for tag in (values.get("tags") or "").split(";") if tag]
        found["tags"] = ";".join(tags if "mobile" in tags else [*tags, "mobile"])
    return found


@pytest.fixture
def hub(crossroads: Crossroads) -> Crossroads:
    """A is roomy, B loses (one name, child rows, 30 and 60 characters), C rewrites and knows no conditional write."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, conditional_write=True)
    crossroads.b = MemoryCRM(clock=crossroads.clock, lossy=True, normalises=True)
    crossroads.also = {"c": MemoryCRM(clock=crossroads.clock, automations=(_capitals,))}
    crossroads.chat.write("ada", "Hello", name="Ada", phone=PHONE)
    crossroads.settle()
    edit(crossroads, "a", first="Ada", last="Lovelace", email="ada@example.com", tags="press;mobile")
    crossroads.settle()
    return crossroads


def edit(hub: Crossroads, name: str, **values: Any) -> None:
    """Somebody edits Ada in a CRM, in its own shape."""
    crm = hub.crms[name]
    if crm.lossy:
        held = hub.person(crm)
        rows = dict(held["reachable"] or ())
        for field, kind in (("mobile", "mobile"), ("phone", "phone"), ("email", "mail")):
            if field in values:
                rows[kind] = values.pop(field)
                values["reachable"] = [[kind, text] for kind, text in rows.items() if text]
        given, _, family = held["name"].partition(" ")
        if {"first", "last"} & values.keys():
            values["name"] = f"{values.pop('first', given)} {values.pop('last', family)}"
    hub.clock.advance(60)
    crm.edit(hub.person_id(crm), **values)


def seen(hub: Crossroads, name: str) -> dict[str, Any]:
    """Ada as a CRM shows her, in one shape for all; a lossy one shows its name whole."""
    held = hub.person(hub.crms[name])
    if not hub.crms[name].lossy:
        points = {field: held[field] for field in ("mobile", "phone", "email") if held[field]}
        return {"name": f"{held['first']} {held['last']}", "tags": _tags(held), **points}
    rows = {{"mail": "email"}.get(kind, kind): text for kind, text in held["reachable"] or ()}
    return {"name": held["name"], "tags": _tags(held), **rows}


def _tags(held: Mapping[str, Any]) -> set[str]:
    return set(filter(None, (held["tags"] or "").split(";")))


def reach_all(hub: Crossroads) -> None:
    """Everything comes to rest within two hops, all CRMs show the same, and then nothing is written any more."""
    before = {name: len(crm.mutations) for name, crm in hub.crms.items()}
    hub.settle()
    for name, crm in hub.crms.items():
        ours = [one for one in crm.mutations[before[name] :] if one.by == "api"]
        most = max((sum(one.id == other.id for one in ours) for other in ours), default=0)
        assert most <= MOST_HOPS, f"{name} was written {most} times for one change"
    shown = [seen(hub, name) for name in CRMS]
    assert shown[1:] == shown[:-1]
    hub.check()


@pytest.mark.parametrize("where", CRMS)
@pytest.mark.parametrize(
    ("change", "shown"),
    [
        pytest.param({"last": "Byron"}, {"name": "Ada Byron"}, id="a field"),
        pytest.param({"mobile": "+393337654321"}, {"mobile": "+393337654321"}, id="a number, corrected"),
        pytest.param({"phone": "+39021234567"}, {"phone": "+39021234567"}, id="a number, added"),
        pytest.param({"tags": "press;mobile;gold"}, {"tags": {"press", "mobile", "gold"}}, id="a tag"),
        pytest.param({"tags": "mobile"}, {"tags": {"mobile"}}, id="a tag taken away"),
        pytest.param({"email": None}, {"email": None}, id="an address cleared"),
    ],
)
def test_a_change_made_in_one_reaches_all_others(
    hub: Crossroads, where: str, change: dict[str, Any], shown: dict[str, Any]
) -> None:
    """Whatever the shape of where it was made; no echo, nobody asked, nothing written at rest."""
    edit(hub, where, **change)
    reach_all(hub)
    found = seen(hub, where)
    assert {name: found.get(name) for name in shown} == shown


@pytest.mark.parametrize("where", CRMS)
def test_a_customer_and_an_answer_made_in_one_reach_all_others(hub: Crossroads, where: str) -> None:
    """The customer once in each, the answer once to the customer and once in each log."""
    hub.clock.advance(60)
    crm = hub.crms[where]
    bob: dict[str, Any] = {"first": "Bob", "last": "Rossi", "email": "bob@example.com"}
    if crm.lossy:
        bob = {"name": "Bob Rossi", "reachable": [["mail", "bob@example.com"]]}
    ada = hub.person_id(crm)
    crm.create(**bob)
    crm.create("Touch", person=ada, direction="outbound", status="to send", text="Hi Ada")
    hub.settle()
    assert [len(one.records()) for one in hub.crms.values()] == [2, 2, 2]
    assert [message.text for message in hub.chat.sent] == ["Hi Ada"]
    for one in hub.crms.values():
        assert sorted(text for _, text, _ in hub.touches(one)) == ["Hello", "Hi Ada"]
    hub.check()


def test_what_the_channel_says_reaches_all(hub: Crossroads) -> None:
    """A message and its delivery, one record each in each CRM."""
    hub.chat.write("ada", "Are you there?", phone=PHONE)
    reach_all(hub)
    for crm in hub.crms.values():
        assert [text for _, text, _ in hub.touches(crm)] == ["Hello", "Are you there?"]


def test_a_log_entry_of_one_crm_is_in_the_others(hub: Crossroads) -> None:
    """Someone came by and was noted in B."""
    hub.clock.advance(60)
    hub.b.create("Touch", person=hub.person_id(hub.b), kind="visit", direction="inbound", text="Came by the shop")
    reach_all(hub)
    assert len(hub.rows(interaction_table)) == 2
    for crm in hub.crms.values():
        assert sum(text == "Came by the shop" for _, text, _ in hub.touches(crm)) == 1


def test_what_all_three_change_at_once_is_in_all_three(hub: Crossroads) -> None:
    """Of different fields, and of one list: nothing is lost."""
    hub.clock.advance(60)
    edit(hub, "a", first="Augusta", tags="press;mobile;gold")
    edit(hub, "b", phone="+39021234567")
    edit(hub, "c", email="augusta@example.com", tags="mobile")
    reach_all(hub)
    assert seen(hub, "a") == {
        "name": "Augusta Lovelace",
        "tags": {"mobile", "gold"},
        "mobile": PHONE,
        "phone": "+39021234567",
        "email": "augusta@example.com",
    }


def test_what_only_the_lossy_one_cuts_is_no_change(hub: Crossroads) -> None:
    """A name of forty characters, in a field of thirty: the others keep it whole, also after an edit there."""
    long = "Wolfeschlegelsteinhausenbergerdorff"
    edit(hub, "a", last=long)
    hub.settle()
    assert [hub.person(hub.crms[name])["last"] for name in ("a", "c")] == [long, long]
    assert hub.person(hub.b)["name"] == f"Ada {long}"[:30]
    edit(hub, "b", phone="+39021234567")
    hub.settle()
    assert [hub.person(hub.crms[name])["last"] for name in ("a", "c")] == [long, long]
    assert len(hub.rows(profiles)) == 1
    hub.check()
