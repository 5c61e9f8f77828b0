"""Who changed a record after us, and when: versions, our stamped revision, automations, and pages that are late."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from crocevia.model import Raw, Write
from crocevia.store import journal
from crocevia.store.tables import decisions, reviews
from crocevia.testing import MemoryCRM
from tests.core.conftest import Crossroads

pytestmark = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def known(crossroads: Crossroads) -> None:
    """Ada King, in both CRMs."""
    crossroads.a.create(first="Ada", last="King", mobile="+393331234567")
    crossroads.settle()
    crossroads.clock.advance(60)


def edit(crossroads: Crossroads, name: str, **values: Any) -> None:
    """Somebody edits Ada in a CRM."""
    crm = crossroads.crms[name]
    crm.edit(crossroads.person_id(crm), **values)


def both(crossroads: Crossroads, field: str) -> list[Any]:
    """What A and B hold in a field."""
    return [crossroads.person(crm)[field] for crm in (crossroads.a, crossroads.b)]


def pushed(crossroads: Crossroads, last: str) -> None:
    """Somebody edits the name in A, and we have just written it to B."""
    edit(crossroads, "a", last=last)
    crossroads.turn("a")
    crossroads.turn("b")
    assert both(crossroads, "last") == [last, last]


def page(crm: MemoryCRM) -> bytes:
    """A page of its people as they are now."""
    body = crm.connector().changes("Person", None, list(crm.schemas["Person"].fields)).body
    assert body
    return body


def tell(crossroads: Crossroads, name: str, body: bytes) -> None:
    """A page comes to us, however old it is."""
    raw = Raw(
        connection=name,
        kind="memory_crm",
        body=body,
        received_at=crossroads.clock.now(),
        source="page",
        stream="Person",
    )
    journal.commit(crossroads.store, [raw])
    crossroads.settle()


@pytest.mark.parametrize("last", ["Queen", "King"])
def test_an_edit_a_millisecond_after_our_write_is_taken(crossroads: Crossroads, last: str) -> None:
    """Also one that goes back to the value from before."""
    known(crossroads)
    pushed(crossroads, "Byron")
    crossroads.clock.advance(timedelta(milliseconds=1).total_seconds())
    edit(crossroads, "b", last=last)
    crossroads.settle()
    assert both(crossroads, "last") == [last, last]
    assert crossroads.rows(reviews) == []
    crossroads.check()


def test_what_an_automation_changes_in_our_own_write_is_taken(crossroads: Crossroads) -> None:
    """Another field, and the very one that we wrote: the CRM's rule for it holds everywhere."""

    def rule(object_name: str, values: Mapping[str, Any]) -> Mapping[str, Any]:
        return {"last": values["last"].title(), "tags": "checked"} if object_name == "Person" else {}

    crossroads.b = MemoryCRM(clock=crossroads.clock, automations=(rule,))
    known(crossroads)
    edit(crossroads, "a", last="de la cruz")
    crossroads.settle()
    assert both(crossroads, "last") == ["De La Cruz", "De La Cruz"]
    assert both(crossroads, "tags") == ["checked", "checked"]
    crossroads.check()


def test_a_page_from_before_our_write_takes_nothing_back(crossroads: Crossroads) -> None:
    """The CRM does not say which version a write made; what somebody else changed just before stands."""
    crossroads.b = MemoryCRM(clock=crossroads.clock, tells_version=False)
    known(crossroads)
    edit(crossroads, "a", last="Byron")
    crossroads.turn("a")
    edit(crossroads, "b", email="ada@example.com")
    late = page(crossroads.b)
    crossroads.b.page_limit = 0  # it is not polled meanwhile
    crossroads.turn("b")
    crossroads.b.page_limit = 200
    assert crossroads.person(crossroads.b)["last"] == "Byron"
    tell(crossroads, "b", late)
    assert both(crossroads, "last") == ["Byron", "Byron"]
    assert both(crossroads, "email") == ["ada@example.com", "ada@example.com"]
    crossroads.check()


def test_a_page_that_a_newer_one_has_overtaken_changes_nothing(crossroads: Crossroads) -> None:
    """It is told again, long after."""
    known(crossroads)
    late = page(crossroads.b)
    pushed(crossroads, "Byron")
    edit(crossroads, "b", last="Queen")
    crossroads.settle()
    tell(crossroads, "b", late)
    assert both(crossroads, "last") == ["Queen", "Queen"]
    crossroads.check()


def test_what_a_worker_wrote_that_slept_is_written_over_and_people_are_heard_again(crossroads: Crossroads) -> None:
    """Its revision is older than the last: ours is pushed again, said why; the next edit is a person's."""
    known(crossroads)
    held = crossroads.person(crossroads.b)
    pushed(crossroads, "Byron")
    slept = Write(
        object="Person",
        operation="update",
        key=held["crocevia_key"],
        id=crossroads.person_id(crossroads.b),
        values={"last": "King", "crocevia_revision": held["crocevia_revision"]},
    )
    crossroads.b.connector("b").write([slept])
    crossroads.settle()
    assert both(crossroads, "last") == ["Byron", "Byron"]
    said = [row["why"] for row in crossroads.rows(decisions, connection="b")]
    assert said == ["an older revision of ours came back: ours is pushed again"]
    edit(crossroads, "b", last="Queen")
    crossroads.settle()
    assert both(crossroads, "last") == ["Queen", "Queen"]
    crossroads.check()


def test_a_stamp_that_alone_is_old_makes_nobodys_edit_an_echo(crossroads: Crossroads) -> None:
    """A worker that slept wrote what was there already: only our mark went back."""
    known(crossroads)
    pushed(crossroads, "Byron")
    [record] = json.loads(page(crossroads.b))["records"]
    old = Write(
        object="Person",
        operation="update",
        key=record["values"]["crocevia_key"],
        id=record["id"],
        values={"crocevia_revision": record["values"]["crocevia_revision"] - 1},
    )
    crossroads.b.connector("b").write([old])
    crossroads.settle()
    edit(crossroads, "b", last="Queen")
    crossroads.settle()
    assert both(crossroads, "last") == ["Queen", "Queen"]
    crossroads.check()
