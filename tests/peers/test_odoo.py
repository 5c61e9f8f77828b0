"""A real Odoo 14: baseline, both ways with a channel and a second CRM, merges, deletions, and rest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import open_store
from crocevia.sync.audit import Audit, Difference
from crocevia.sync.world import World, live
from crocevia.testing import MemoryChannel, MemoryCRM
from crocevia_odoo.connector import Odoo
from tests.peers.odoo_office import Clerk, Crossroads, Wire

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("odoo")]

PHONE = "+393471234567"
FIELDS = ("name", "crocevia_key")


@pytest.fixture
def crossroads(odoo: Odoo, odoo_wire: Wire, tmp_path: Path) -> Iterator[Crossroads]:
    """One store, three connections; Odoo reads before it writes."""
    chat, second = MemoryChannel(reports=("sent", "delivered")), MemoryCRM()
    store = open_store(f"sqlite:///{tmp_path / 'crocevia.db'}")
    world = World(store, load_plugins(entry_points=(), builtin=(match, normalise)).dispatcher, region="IT")
    for name, made, options in (
        ("chat", chat.connector("chat"), Options()),
        ("odoo", odoo, Options(guard="read")),
        ("second", second.connector("second"), Options()),
    ):
        world.lives[name] = live(name, made, options)
    yield Crossroads(world, chat, second, odoo_wire)
    store.close()


def audit(crossroads: Crossroads) -> list[Difference]:
    """Invariant G: what Odoo holds of each contact and message against what it should."""
    wrong: list[Difference] = []
    counts = Audit(crossroads.world, crossroads.world.lives["odoo"], tell=wrong.append).run()
    assert counts["looked at"] > 0
    assert counts["waiting"] == 0
    return wrong


# --- both ways ------------------------------------------------------------------------------------------------------


def test_a_customer_who_writes_is_a_contact_with_a_message(crossroads: Crossroads, clerk: Clerk) -> None:
    """Once each, though every webhook comes five times; shown as written by the customer; then nothing is written."""
    crossroads.chat.write("ada", "Open today?\n<b>&</b> 🙂", name="Ada Rossi", phone=PHONE)
    crossroads.settle(repeated=5)

    [contact] = clerk.contacts("name", "mobile", "lang")
    [message] = clerk.messages("subject", "body", "author_id", "message_type")
    assert contact == {"id": contact["id"], "name": "Ada Rossi", "mobile": PHONE, "lang": False}
    assert message == {
        "subject": "memory_channel message, inbound",
        "body": "<p>Open today?<br>&lt;b&gt;&amp;&lt;/b&gt; 🙂</p>",
        "author_id": [contact["id"], "Ada Rossi"],
        "message_type": "comment",
        "res_id": contact["id"],
    }
    assert crossroads.wire.written == []
    assert audit(crossroads) == []


def test_contacts_that_are_there_already_are_adopted(crossroads: Crossroads, clerk: Clerk) -> None:
    """By number or address however it was typed; archived ones, further addresses and colleagues are nobody's."""
    ada = clerk.contact(name="A. Rossi", mobile="+39 347 123 4567")
    clerk.contact(name="Warehouse", type="delivery", parent_id=ada, phone="+390115621234")
    closed = clerk.contact(name="Closed")
    clerk.edit(closed, active=False)
    bruno = clerk.contact(name="Bruno", email="Bruno <Bruno@Example.com>")
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()

    assert [message["res_id"] for message in clerk.messages()] == [ada]
    assert sorted(person["last"] for person in crossroads.people("last")) == ["A. Rossi", "Bruno"]
    assert [contact["id"] for contact in clerk.contacts()] == [ada, ada + 1, closed, bruno]
    assert audit(crossroads) == []


def test_what_a_person_corrects_in_odoo_reaches_the_other_crm(crossroads: Crossroads, clerk: Clerk) -> None:
    """Twice within one second, and back to what it was: the last word counts."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()
    [contact] = clerk.contacts()

    vip = clerk.rpc.call("res.partner.category", "create", {"name": "VIP"})
    clerk.edit(contact["id"], name="Ada Maria Rossi", mobile="+39 347 765 4321", category_id=[[6, 0, [vip]]])
    crossroads.settle()
    clerk.edit(contact["id"], name="Ada Rossi Bianchi")
    crossroads.settle()
    clerk.edit(contact["id"], name="Ada Maria Rossi", email="Ada@Example.com")
    crossroads.settle()

    assert crossroads.people("last", "mobile", "email", "tags") == [
        {"last": "Ada Maria Rossi", "mobile": "+39 347 765 4321", "email": "Ada@Example.com", "tags": "VIP"}
    ]
    assert audit(crossroads) == []


def test_what_the_other_crm_corrects_reaches_odoo(crossroads: Crossroads, clerk: Clerk) -> None:
    """A cleared field is cleared, a new tag is made, and what only Odoo knows is left alone."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()
    [contact] = clerk.contacts()
    clerk.edit(contact["id"], street="Via Po 1", phone="+390115621234")
    crossroads.settle()
    [person] = crossroads.second.records("Person")

    crossroads.second.edit(person, first="Ada", last="Verdi", phone=None, tags="Press;VIP", email="ada@example.com")
    crossroads.settle()

    [contact] = clerk.contacts("name", "phone", "mobile", "email", "street", "category_id")
    tags = clerk.rpc.call("res.partner.category", "read", contact.pop("category_id"), ["name"])
    assert contact == {
        "id": contact["id"],
        "name": "Ada Verdi",
        "phone": False,
        "mobile": PHONE,
        "email": "ada@example.com",
        "street": "Via Po 1",
    }
    assert sorted(tag["name"] for tag in tags) == ["Press", "VIP"]
    assert audit(crossroads) == []


def test_a_note_written_in_odoo_is_logged_everywhere_and_stays_as_it_is(crossroads: Crossroads, clerk: Clerk) -> None:
    """It is one record in each CRM; what is fat there stays fat, and nothing of it is sent to the customer."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()
    [contact] = clerk.contacts()
    html = "<p>Wants a <b>quote</b>,<br>before Friday.</p>"
    clerk.note(contact["id"], html)
    crossroads.settle()
    clerk.edit(contact["id"], comment="A change of the contact tells of its notes again, or not")
    crossroads.settle()

    touches = [touch for touch in crossroads.second.records("Touch").values() if touch["kind"] == "note"]
    assert [(touch["text"], touch["direction"]) for touch in touches] == [
        ("Wants a quote,\nbefore Friday.", "internal")
    ]
    assert [message["body"] for message in clerk.messages("body")] == ["<p>Hello</p>", html]
    assert crossroads.chat.sent == []
    assert audit(crossroads) == []


def test_a_note_from_the_other_crm_is_logged_in_odoo_once(crossroads: Crossroads, clerk: Clerk) -> None:
    """Though the answer to the call that made it is lost."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()
    [person] = crossroads.second.records("Person")
    at = "2026-11-20T10:00:00.000Z"
    crossroads.second.create("Touch", person=person, kind="note", direction="internal", text="Called.", at=at)
    crossroads.wire.lose = "mail.message.load"
    crossroads.settle()

    assert [message["body"] for message in clerk.messages("body")] == ["<p>Hello</p>", "<p>Called.</p>"]
    assert audit(crossroads) == []


# --- merged, archived, deleted --------------------------------------------------------------------------------------


def test_a_contact_merged_in_odoo_goes_on_as_its_survivor(crossroads: Crossroads, clerk: Clerk) -> None:
    """Nothing is doubled: its messages moved with it, and what comes later goes to the survivor."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()
    [contact] = clerk.contacts()
    kept = clerk.contact(name="Ada Rossi", mobile=PHONE)
    clerk.merge(contact["id"], kept)
    crossroads.settle()
    crossroads.chat.write("ada", "Are you there?", name="Ada Rossi", phone=PHONE)
    crossroads.settle()

    assert [found["id"] for found in clerk.contacts()] == [kept]
    assert [(message["body"], message["res_id"]) for message in clerk.messages("body")] == [
        ("<p>Hello</p>", kept),
        ("<p>Are you there?</p>", kept),
    ]
    assert len(crossroads.people("last")) == 1
    assert audit(crossroads) == []


def test_an_archived_contact_is_still_kept_in_step(crossroads: Crossroads, clerk: Clerk) -> None:
    """Odoo lets it be changed; it is neither doubled nor brought back."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    crossroads.settle()
    [contact] = clerk.contacts()
    clerk.edit(contact["id"], active=False)
    crossroads.settle()
    [person] = crossroads.second.records("Person")
    crossroads.second.edit(person, last="Verdi")
    crossroads.chat.write("ada", "Still there?", name="Ada Rossi", phone=PHONE)
    crossroads.settle()

    assert clerk.contacts("name", "active") == [{"id": contact["id"], "name": "Verdi", "active": False}]
    assert [message["res_id"] for message in clerk.messages()] == [contact["id"]] * 2
    assert audit(crossroads) == []


def test_a_contact_deleted_in_odoo_is_not_revived(crossroads: Crossroads, clerk: Clerk) -> None:
    """Odoo keeps no trace of it: it is missed. The profile lives on in the other CRM."""
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone=PHONE)
    clerk.contact(name="Bruno")
    crossroads.settle()
    ada = next(contact["id"] for contact in clerk.contacts("name") if contact["name"] == "Ada Rossi")
    clerk.delete(ada)
    crossroads.settle()
    crossroads.chat.write("ada", "Still there?", name="Ada Rossi", phone=PHONE)
    crossroads.settle()

    assert [contact["name"] for contact in clerk.contacts("name")] == ["Bruno"]
    assert len(crossroads.people("last")) == 2
    assert len(crossroads.second.records("Touch")) == 2
    # Odoo deletes a contact's messages with it, and tells nobody: the audit finds what is left linked
    assert [(found.object, found.what) for found in audit(crossroads)] == [("mail.message", "missing")]


def test_the_same_page_told_ten_times_changes_nothing(crossroads: Crossroads, odoo: Odoo, clerk: Clerk) -> None:
    """Odoo 14 sends no webhooks; what another road tells again and again is heard once."""
    clerk.contact(name="Ada Rossi", mobile=PHONE)
    crossroads.settle()
    page = odoo.changes("res.partner", None, odoo.mappings()[0].remote_fields)
    before = len(crossroads.second.mutations)
    crossroads.journal("odoo", [page.body] * 10, "page", "res.partner")
    crossroads.settle()

    assert len(crossroads.second.mutations) == before
    assert len(clerk.contacts()) == 1
    assert audit(crossroads) == []
