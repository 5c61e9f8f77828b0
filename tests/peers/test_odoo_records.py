"""The connector by itself, on a real Odoo 14: what it writes, reads, finds and refuses."""

import json
import os
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
from attrs import evolve

from crocevia import ContactPoint, Write, Written
from crocevia.errors import (
    AuthError,
    ConflictError,
    DuplicateError,
    GoneError,
    RejectedError,
    RetryableError,
    SchemaDriftError,
)
from crocevia.mapping.check import check_mapping
from crocevia_odoo.connector import Odoo
from crocevia_odoo.server import OdooServer
from tests.peers.odoo_office import Clerk, Wire, connector

pytestmark = [pytest.mark.peers, pytest.mark.xdist_group("odoo")]

PHONE = "+393471234567"
FIELDS = ("name", "crocevia_key")


def party(key: str, operation: Any = "upsert", **values: Any) -> Write:
    """A write of a contact."""
    id_ = values.pop("id", None)
    own = {"crocevia_key": key} if operation == "upsert" else {}
    return Write(object="res.partner", operation=operation, key=key, id=id_, values={**own, **values})


def note(key: str, contact: str) -> Write:
    """A write of a message on a contact."""
    values = {"model": "res.partner", "message_type": "comment", "subtype_id": "mail.mt_note", "crocevia_key": key}
    said = {"res_id": contact, "body": "<p>Hello</p>", "date": "2026-11-20T10:00:00.000Z"}
    return Write(object="mail.message", operation="upsert", key=key, values={**values, **said})


def told(odoo: Odoo, cursor: str | None) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    """Rows and losses of every page since the cursor, and the cursor behind them."""
    rows: list[dict[str, Any]] = []
    gone: list[dict[str, Any]] = []
    more = True
    while more:
        page = odoo.changes("res.partner", cursor, FIELDS)
        cursor, more = page.cursor, page.more
        if page.body:
            found = json.loads(page.body)
            rows, gone = rows + found["rows"], gone + found["gone"]
    assert cursor is not None
    return rows, gone, cursor


def test_two_hundred_different_records_take_a_few_calls(odoo: Odoo, odoo_wire: Wire, clerk: Clerk) -> None:
    """Made, made again without doubles after the answer was lost, and then all changed."""
    keys = [f"p{number:025}" for number in range(200)]
    odoo.describe("res.partner")
    writes = [party(key, name=f"Customer {key}", mobile=f"+3934700{key[-5:]}") for key in keys]
    odoo_wire.lose = "res.partner.load"
    with pytest.raises(RetryableError):
        odoo.write(writes)
    odoo_wire.called.clear()
    odoo.write(writes)
    again = len(odoo_wire.called)
    odoo_wire.called.clear()
    found = {record.values["crocevia_key"]: record.id for record in odoo.find_keys("res.partner", keys, FIELDS)}
    odoo_wire.called.clear()
    updates = [party(key, "update", id=found[key], name=f"Renamed {key}") for key in keys]
    outcomes = odoo.write(updates)

    assert again == 6
    assert odoo_wire.called == ["res.partner.load", "res.partner.search_read"]
    assert [outcome.id for outcome in outcomes if isinstance(outcome, Written)] == [found[key] for key in keys]
    assert [contact["name"] for contact in clerk.contacts("name")] == [f"Renamed {key}" for key in keys]


def test_one_bad_record_does_not_hold_up_the_others(odoo: Odoo) -> None:
    """Odoo refuses a table as a whole and names its rows; the sentence about them is kept to itself."""
    writes = [party(f"p{number}", name=f"N {number}") for number in range(6)]
    writes[1] = party("p1", name="")
    writes[3] = party("p3", name="N 3", shoe_size=43)
    writes[4] = party("p4", "update", id="999999", name="A secret name")
    writes[5] = party("p5", name="N 5", lang="tlh_TLH")

    outcomes = odoo.write(writes)

    kinds = [Written, RejectedError, Written, SchemaDriftError, GoneError, RejectedError]
    assert [type(outcome) for outcome in outcomes] == kinds
    assert "lang" in str(outcomes[5])
    assert not any("secret" in str(outcome) or "N 5" in str(outcome) for outcome in outcomes)


def test_rows_of_one_transaction_come_page_by_page(odoo: Odoo, clerk: Clerk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Eleven records have one time, and a page has four: each is told, and once settled not again."""
    _, _, cursor = told(odoo, None)
    names = [f"C{number}" for number in range(11)]
    clerk.rpc.call("res.partner", "create", [{"name": name} for name in names])
    for module in ("feed", "reading"):
        monkeypatch.setattr(f"crocevia_odoo.{module}.PAGE", 4)
    rows, _, cursor = told(odoo, cursor)
    time.sleep(3)  # the server's own clock: until then a row may change again under the same stamp
    _, _, cursor = told(odoo, cursor)
    nothing, _, _ = told(odoo, cursor)

    assert {row["values"]["name"] for row in rows} == set(names)
    assert nothing == []


def test_a_merge_and_a_deletion_are_told_once_each(odoo: Odoo, clerk: Clerk) -> None:
    """What is written to the lost contact, or under its key, is told where it went."""
    lost, kept, deleted = odoo.write([party(key, name="Same") for key in ("p1", "p2", "p3")])
    assert isinstance(lost, Written)
    assert isinstance(kept, Written)
    assert isinstance(deleted, Written)
    [message] = odoo.write([note("i1", lost.id)])
    assert isinstance(message, Written)
    _, _, cursor = told(odoo, None)
    clerk.merge(int(lost.id), int(kept.id))
    clerk.delete(int(deleted.id))
    rows, gone, cursor = told(odoo, cursor)
    _, again, _ = told(odoo, cursor)
    late, late_note, by_key = odoo.write(
        [party("p1", "update", id=lost.id, name="Late"), note("i2", lost.id), party("p1", name="Late")]
    )

    assert [(loss["id"], loss["into"]) for loss in gone] == [(int(lost.id), int(kept.id)), (int(deleted.id), None)]
    assert again == []
    assert {row["values"]["crocevia_key"] for row in rows if row["id"] == int(kept.id)} == {"p2"}
    assert isinstance(late, GoneError)
    assert late.survivor == kept.id
    assert isinstance(late_note, ConflictError)
    assert isinstance(by_key, DuplicateError)
    assert by_key.candidates == (kept.id,)
    [moved] = odoo.fetch("mail.message", [message.id], ["res_id"])
    assert moved.values["res_id"] == kept.id


def test_contacts_are_merged_and_deleted_by_us(odoo: Odoo, clerk: Clerk) -> None:
    """A second time is told as gone, and done, without harm."""
    lost, kept = (clerk.contact(name="Same") for _ in range(2))
    odoo.merge("res.partner", str(kept), [str(lost)])
    with pytest.raises(GoneError):
        odoo.merge("res.partner", str(kept), [str(lost)])
    first = odoo.write([party("p1", "delete", id=str(kept))])
    second = odoo.write([party("p1", "delete", id=str(kept))])

    assert clerk.contacts() == []
    assert first == second == [Written(id=str(kept))]


def test_contacts_are_found_however_they_were_typed(odoo: Odoo, clerk: Clerk) -> None:
    """With the country or without; not by a number that only ends alike, and not archived ones."""
    with_country = clerk.contact(name="A", mobile="+39 (347) 123-4567")
    without = clerk.contact(name="B", phone="347 123 4567")
    clerk.contact(name="C", phone="+1 347 123 4567")
    clerk.edit(clerk.contact(name="D", mobile=PHONE), active=False)
    mail = clerk.contact(name="E", email="Ada <ADA@Example.com>")
    points = [ContactPoint("phone", "", PHONE), ContactPoint("email", "", "ada@example.com")]
    points.append(ContactPoint("phone", "", "+390110000000"))

    found = odoo.find("res.partner", points, ["name"])

    assert {point.value: [int(record.id) for record in records] for point, records in found.items()} == {
        PHONE: [with_country, without],
        "ada@example.com": [mail],
    }


@pytest.mark.parametrize(
    "text", ["two\nlines", "<b>&amp;", "  blanks  ", "\x0b\x00?", "\ufffe", "👩‍👩‍👧 é", "a\r\nb", ""]
)
def test_what_is_written_is_read_back_as_the_same(odoo: Odoo, text: str) -> None:
    """Nothing is left to be put right for ever, whatever was said."""
    people, messages = (mapping.fit(odoo.describe(mapping.object)) for mapping in odoo.mappings())
    profile = {"display_name": text, "language": "tlh", "tags": ("Press", "VIP")}
    [contact] = odoo.write([party("p1", **people.encode(profile))])
    assert isinstance(contact, Written)
    said = {"profile": contact.id, "text": text, "subject": text, "channel": "chat", "direction": "inbound"}
    moment = datetime(2026, 11, 20, 10, 0, 0, 250_000, tzinfo=UTC)
    encoded = messages.encode({**said, "kind": "message", "at": moment, "status": "read"})
    [message] = odoo.write([evolve(note("i1", contact.id), values={**messages.constants, **encoded})])
    assert isinstance(message, Written)

    for mapping, made, wanted in ((people, contact, people.encode(profile)), (messages, message, encoded)):
        [record] = odoo.fetch(mapping.object, [made.id], mapping.remote_fields)
        assert mapping.differing(wanted, record.values) == {}


def test_check_says_what_is_wrong(odoo: Odoo, odoo_server: OdooServer, odoo_wire: Wire) -> None:
    """An employee who manages contacts is enough, and every default field fits; a wrong login is told, without it."""
    assert {finding.level for finding in odoo.check()} == {"ok"}
    for mapping in odoo.mappings():
        assert {finding.level for finding in check_mapping(mapping, odoo.describe(mapping.object), {})} == {"ok"}
    for changes, said in (
        ({"password": "wrong-one"}, "user or password"),
        ({"database": "nowhere"}, "no such database"),
        ({"base_url": "http://127.0.0.1:9"}, "no answer"),
    ):
        [*_, last] = connector(odoo_server, odoo_wire, **changes).check()
        assert (last.level, said in last.do, "wrong-one" in last.do) == ("problem", True, False)
    with pytest.raises(AuthError, match="crocevia check"):
        connector(odoo_server, odoo_wire, password="wrong-one").fetch("res.partner", ["1"], ["name"])


def test_the_server_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    """No Odoo, no PostgreSQL and no mount is left behind by a test run that was killed."""
    program = (
        "import sys, time; from pathlib import Path; from crocevia_odoo.server import running_odoo\n"
        "with running_odoo(Path(sys.argv[1])) as server: print(server.url, flush=True); time.sleep(600)"
    )
    path = {**os.environ, "PYTHONPATH": ":".join(entry for entry in sys.path if entry)}
    parent = subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE, env=path)
    assert parent.stdout is not None
    with parent.stdout:
        url = parent.stdout.readline().decode().strip()
        parent.kill()
        parent.wait()
    for _ in range(150):
        try:
            requests.get(url, timeout=1)
        except requests.ConnectionError:
            break
        time.sleep(0.1)
    else:
        pytest.fail(f"{url} still answers")
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
