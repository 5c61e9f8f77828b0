"""Whether the CRMs hold what they should, and how it is put right when they do not."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from crocevia.config.options import Options
from crocevia.store.tables import bindings, profiles, reviews
from crocevia.sync import audit
from crocevia.sync.audit import Audit, Difference
from crocevia.testing import MemoryCRM
from tests.core.conftest import Crossroads

PHONE = "+39 333 123 4567"
on_sqlite = pytest.mark.parametrize("store", ["sqlite"], indirect=True)


def audited(crossroads: Crossroads, name: str, *, repair: bool = False) -> tuple[Counter[str], list[Difference]]:
    """The counts, without those that are nought, and the differences."""
    found: list[Difference] = []
    world = crossroads.start()
    counts = Audit(world, world.lives[name], repair=repair, tell=found.append).run()
    return Counter({what: n for what, n in counts.items() if n}), found


def a_day(crossroads: Crossroads) -> None:
    """Five customers who wrote."""
    for number in range(5):
        crossroads.chat.write(f"c{number}", f"Hello {number}", name=f"C{number}", phone=f"+39 333 000 000{number}")
    crossroads.settle()


def lost(crm: MemoryCRM, id_: str, **values: str) -> None:
    """Change a record so that no feed ever tells of it: a restored backup, a bug of the vendor's."""
    row = next(row for row in crm.rows("Person") + crm.rows("Touch") if row.id == id_)
    row.values.update(values)


def test_at_rest_everything_is_as_it_should_be(crossroads: Crossroads, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page after page; a write that is due is not a difference."""
    monkeypatch.setattr(audit, "PAGE", 3)
    a_day(crossroads)
    assert audited(crossroads, "a") == ({"looked at": 10}, [])
    with crossroads.store.writing() as connection:
        connection.execute(
            sa.update(bindings).where(bindings.c.connection == "a", bindings.c.of == "profile").values(wanted=9)
        )
    assert audited(crossroads, "a") == ({"looked at": 5, "waiting": 5}, [])


def test_what_no_feed_told_is_found_and_told_by_field_without_values(crossroads: Crossroads) -> None:
    """A changed field, a lost record, our key gone: with our id, theirs and the binding's."""
    a_day(crossroads)
    first, second, third, *_ = crossroads.a.records()
    lost(crossroads.a, first, last="Changed")
    lost(crossroads.a, third, crocevia_key="")
    crossroads.a._rows[second].deleted = True  # noqa: SLF001 - no feed tells of it
    counts, found = audited(crossroads, "a")
    assert counts == {"looked at": 10, "differs": 2, "missing": 1}
    assert [(one.what, one.remote_id, one.fields) for one in found] == [
        ("differs", first, ("last",)),
        ("missing", second, ()),
        ("differs", third, ("crocevia_key",)),
    ]
    by_id = {row["id"]: row["uid"] for row in crossroads.rows(profiles)}
    bound = {row["id"]: by_id[row["subject_id"]] for row in crossroads.rows(bindings, connection="a", of="profile")}
    assert [bound[one.binding or 0] for one in found] == [one.ours for one in found]
    assert "Changed" not in repr(found)


def test_a_repair_lets_the_judge_hear_it_and_the_daemon_does_the_rest(crossroads: Crossroads) -> None:
    """A person's unheard edit stands, everywhere; our key comes back; who is missing is let go; then all is clean."""
    a_day(crossroads)
    crossroads.clock.advance(timedelta(hours=1).total_seconds())
    first, second, third, *_ = crossroads.a.records()
    lost(crossroads.a, first, last="Edited unheard")
    lost(crossroads.a, third, crocevia_key="")
    crossroads.a._rows[second].deleted = True  # noqa: SLF001 - no feed tells of it
    writes = crossroads.writes()
    counts, _ = audited(crossroads, "a", repair=True)
    assert counts["heard"] == 3
    assert crossroads.writes() == writes, "the repair itself writes nothing to a CRM"
    crossroads.settle()
    assert "Edited unheard" in {row["last"] for row in crossroads.b.records().values()}
    assert crossroads.a.record(third)["crocevia_key"]
    assert {row["state"] for row in crossroads.rows(bindings, connection="a", remote_id=second)} == {"gone"}
    assert audited(crossroads, "a", repair=True) == ({"looked at": 9}, [])
    crossroads.check()


@on_sqlite
def test_a_crm_that_went_back_to_a_backup_is_heard_too(crossroads: Crossroads) -> None:
    """Its versions are older than those we know; what it holds is what is there."""
    a_day(crossroads)
    [first, *_] = crossroads.a.records()
    row = crossroads.a._rows[first]  # noqa: SLF001 - a backup put back
    row.values["last"], row.sequence = "From the backup", 0
    audited(crossroads, "a", repair=True)
    crossroads.settle()
    assert audited(crossroads, "a")[0] == {"looked at": 10}


@on_sqlite
def test_so_much_that_is_missing_is_not_let_go(crossroads: Crossroads) -> None:
    """It may be that we only cannot see it any more."""
    crossroads.options["a"] = Options(delete_cap=2)
    a_day(crossroads)
    for id_ in list(crossroads.a.records())[:3]:
        crossroads.a._rows[id_].deleted = True  # noqa: SLF001 - no feed tells of it
    counts, _ = audited(crossroads, "a", repair=True)
    assert (counts["missing"], counts["heard"]) == (3, 0)
    assert {row["state"] for row in crossroads.rows(bindings, connection="a")} == {"linked"}


@on_sqlite
def test_what_is_in_review_is_no_difference(crossroads: Crossroads) -> None:
    """Both values are kept on purpose."""
    crossroads.options["a"] = Options(policies={"default": "ask"})
    a_day(crossroads)
    [first, *_] = crossroads.a.records()
    crossroads.a.edit(first, last="Theirs")
    [same] = [id_ for id_, row in crossroads.b.records().items() if row["last"] == "C0"]
    crossroads.b.edit(same, last="Ours")
    crossroads.deliver()
    for name in ("b", "a"):
        crossroads.turn(name)
    crossroads.settle()
    assert len(crossroads.rows(reviews, kind="conflict")) == 1
    assert audited(crossroads, "a")[0] == {"looked at": 10}


@on_sqlite
def test_a_second_record_with_our_key_is_found_and_a_person_is_asked(crossroads: Crossroads) -> None:
    """Somebody has copied a record, key and all."""
    crossroads.a = MemoryCRM(clock=crossroads.clock, finds_keys=True)
    a_day(crossroads)
    [first, *_] = crossroads.a.records()
    original = crossroads.a.record(first)
    copy = crossroads.a.create(last="C0", mobile=original["mobile"])
    lost(crossroads.a, copy, crocevia_key=original["crocevia_key"])
    counts, found = audited(crossroads, "a", repair=True)
    assert counts["stray"] == 1
    assert [(one.what, one.remote_id, one.ours) for one in found] == [("stray", copy, original["crocevia_key"])]
    assert [row["connection"] for row in crossroads.rows(reviews, kind="adoption")] == ["a"]
