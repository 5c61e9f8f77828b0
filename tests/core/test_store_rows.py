"""Rows under concurrent writers: ids, bindings, leases, keys that were seen."""

import threading
import time
from collections.abc import Callable

import pytest
import sqlalchemy as sa

from crocevia.errors import LeaseLostError, StoreError
from crocevia.store import Store, announcements, bindings, books, leases, seen
from crocevia.store.announcements import Announcement
from crocevia.store.bindings import BindingRow
from crocevia.store.ids import RowIds, interaction_uid, new_uid, seen_key
from crocevia.store.tables import bindings as table
from crocevia.store.tables import seen_keys

MINUTE_US = 60_000_000


def together(*works: Callable[[], None]) -> list[BaseException]:
    """Run at once, on threads; what they raised."""
    raised: list[BaseException] = []
    barrier = threading.Barrier(len(works))

    def run(work: Callable[[], None]) -> None:
        barrier.wait()
        try:
            work()
        except BaseException as error:  # noqa: BLE001 - the test shows it
            raised.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return raised


def binding(id_: int, **values: object) -> BindingRow:
    """A binding of profile `id_` in CRM `a`."""
    given = {"connection": "a", "object": "Person", "of": "profile", "subject_id": id_, "profile_id": id_, **values}
    return BindingRow(id=id_, **given)  # type: ignore[arg-type]  # keyword by keyword


def stored(store: Store, *rows: BindingRow) -> None:
    """Insert bindings."""
    with store.writing() as connection:
        bindings.add(connection, rows)


def one(store: Store, id_: int = 1) -> BindingRow:
    """A binding as it is stored."""
    with store.reading() as connection:
        [row] = bindings.load(connection, [id_])
    return row


# --- ids


def test_a_reader_with_a_cursor_over_ids_never_misses_a_row_of_a_slower_writer(store: Store) -> None:
    """Ids become visible in their order, whichever transaction commits first."""
    seen_ids: list[int] = []
    writers_left = [4]

    def write() -> None:
        for _ in range(15):
            with store.writing() as connection:
                ids = RowIds(connection, block=3)
                said = [Announcement(hook="h", connection="a", at=0, data={}) for _ in range(2)]
                announcements.append(connection, ids, said)
                time.sleep(0.001)  # a transaction that takes its time, so that others overtake it if they can
        writers_left[0] -= 1

    def read() -> None:
        cursor = 0
        while writers_left[0]:
            with store.reading() as connection:
                found = announcements.after(connection, "h", cursor, 1000)
            seen_ids.extend(row.sequence for row in found)
            cursor = seen_ids[-1] if seen_ids else 0
        with store.reading() as connection:
            seen_ids.extend(row.sequence for row in announcements.after(connection, "h", cursor, 1000))

    assert together(write, write, write, write, read) == []
    with store.reading() as connection:
        everything = [row.sequence for row in announcements.after(connection, "h", 0, 1000)]
    assert len(everything) == 120
    assert seen_ids == everything


def test_external_ids_are_stable_and_never_collide_over_their_parts() -> None:
    """The same three parts give the same id for ever; moving a border gives another one."""
    assert interaction_uid("chat", "m1") == "i" + interaction_uid("chat", "m1", "")[1:]
    assert len({interaction_uid("chat", "m1"), interaction_uid("cha", "tm1"), interaction_uid("chat", "m", "1")}) == 3
    assert seen_key("chat", "x") != seen_key("cha", "tx")
    assert len({new_uid("p") for _ in range(100)}) == 100


# --- keys that were seen


def test_what_was_seen_is_known_and_may_be_remembered_twice(store: Store) -> None:
    """Thousands at once, and again."""
    keys = [seen_key("chat", str(number)) for number in range(3000)]
    for _ in range(2):
        with store.writing() as connection:
            seen.remember(connection, keys)
    with store.reading() as connection:
        assert seen.known(connection, [*keys[:1200], b"0" * 16]) == set(keys[:1200])
        assert connection.execute(sa.select(sa.func.count()).select_from(seen_keys)).scalar() == 3000


# --- bindings


def test_an_edit_during_a_call_stays_wanted(store: Store) -> None:
    """The outcome raises `applied` to what was claimed; `wanted` belongs to whoever edits."""
    stored(store, binding(1))
    row = one(store)
    with store.writing() as connection:
        bindings.claim(connection, [one(store)])
    with store.writing() as connection:
        bindings.want(connection, "profile", [1])
    row.applied, row.claimed, row.state, row.remote_id = row.wanted, None, "linked", "P1"
    with store.writing() as connection:
        bindings.save(connection, [row])
        [pending] = bindings.pending(connection, "a", "profile", 0, 10, creating=True)
    assert (pending.wanted, pending.applied, pending.claimed) == (2, 1, None)


def test_many_who_want_at_once_are_all_counted(store: Store) -> None:
    """No lost update."""
    stored(store, binding(1))

    def want() -> None:
        for _ in range(10):
            with store.writing() as connection:
                bindings.want(connection, "profile", [1])

    assert together(want, want, want, want) == []
    assert one(store).wanted == 41


def test_a_binding_that_is_there_is_not_made_again(store: Store) -> None:
    """One record of one subject on one connection, for ever."""
    stored(store, binding(1, remote_id="P1", state="linked"))
    stored(store, BindingRow(id=2, connection="a", object="Person", of="profile", subject_id=1, profile_id=1))
    with store.reading() as connection:
        [row] = bindings.of_subjects(connection, "profile", [1])
    assert (row.id, row.remote_id) == (1, "P1")


def test_one_remote_record_cannot_be_bound_twice(store: Store) -> None:
    """The database refuses it, whatever the code does."""
    stored(store, binding(1, remote_id="P1", state="linked"))
    with pytest.raises((sa.exc.IntegrityError, StoreError)):
        stored(store, binding(2, remote_id="P1", state="linked"))


@pytest.mark.parametrize("state", ["gone", "blocked", "review", "dead", "unknown"])
def test_what_is_at_rest_is_neither_wanted_nor_pending(store: Store, state: str) -> None:
    """A deleted record is not revived by an edit."""
    stored(store, binding(1, state=state))
    with store.writing() as connection:
        bindings.want(connection, "profile", [1])
        assert bindings.pending(connection, "a", "profile", 0, 10, creating=True) == []
    assert one(store).wanted == 1


def test_nothing_is_due_before_its_time_and_nothing_is_created_before_the_baseline(store: Store) -> None:
    """Order of ids, a bounded page."""
    stored(
        store,
        binding(1, due_at=5),
        binding(2),
        binding(3, remote_id="P3", state="linked"),
        binding(4, wanted=1, applied=1, state="linked", remote_id="P4"),
    )
    with store.reading() as connection:

        def ids(now: int, *, creating: bool, most: int = 10) -> list[int]:
            return [row.id for row in bindings.pending(connection, "a", "profile", now, most, creating=creating)]

        assert ids(4, creating=True) == [2, 3]
        assert ids(5, creating=True) == [1, 2, 3]
        assert ids(5, creating=False) == [3]
        assert ids(5, creating=True, most=1) == [1]


# --- leases


def test_a_lane_has_one_owner_until_the_lease_runs_out_or_is_given_back(store: Store) -> None:
    """A take-over raises the epoch; a renewal does not."""
    mine = leases.acquire(store, "chat", "one", 0, MINUTE_US)
    assert mine is not None
    assert leases.acquire(store, "chat", "two", MINUTE_US - 1, MINUTE_US) is None
    again = leases.acquire(store, "chat", "one", MINUTE_US - 1, MINUTE_US)
    assert again is not None
    assert (again.epoch, again.until) == (mine.epoch, 2 * MINUTE_US - 1)
    leases.release(store, again)
    theirs = leases.acquire(store, "chat", "two", MINUTE_US, MINUTE_US)
    assert theirs is not None
    assert theirs.epoch == mine.epoch + 1


def test_a_worker_that_slept_through_its_lease_cannot_commit(store: Store) -> None:
    """The fence stands in the transaction itself."""
    mine = leases.acquire(store, "a", "one", 0, 1)
    assert mine is not None
    stored(store, binding(1))
    assert leases.acquire(store, "a", "two", 2, MINUTE_US) is not None

    def work() -> None:
        with store.writing() as connection:
            bindings.want(connection, "profile", [1])
            leases.fence(connection, mine)

    with pytest.raises(LeaseLostError):
        work()
    assert one(store).wanted == 1


def test_a_stale_release_does_not_free_another_owners_lease(store: Store) -> None:
    """The lane stays with who took it over."""
    mine = leases.acquire(store, "a", "one", 0, 1)
    assert mine is not None
    assert leases.acquire(store, "a", "two", 2, MINUTE_US) is not None
    leases.release(store, mine)
    assert leases.acquire(store, "a", "three", 3, MINUTE_US) is None


def test_a_process_that_is_alone_need_not_wait_for_a_dead_ones_lease(store: Store) -> None:
    """The file lock says so; the epoch still rises."""
    dead = leases.acquire(store, "a", "one", 0, MINUTE_US)
    alive = leases.acquire(store, "a", "two", 1, MINUTE_US, alone=True)
    assert dead is not None
    assert alive is not None
    assert alive.epoch == dead.epoch + 1


def test_of_many_who_want_a_free_lane_one_gets_it(store: Store) -> None:
    """Also on the first day, when there is no row yet."""
    got: list[leases.Lease | None] = []
    assert (
        together(*(lambda n=n: got.append(leases.acquire(store, "a", f"w{n}", 0, MINUTE_US)) for n in range(6))) == []
    )
    assert sum(lease is not None for lease in got) == 1


# --- looks


def test_a_look_is_one_moment_whatever_is_committed_meanwhile(store: Store) -> None:
    """Two reads of one look agree, so that the books cannot seem wrong while work goes on."""
    with store.reading() as connection:
        before = books.read(connection, "a").records.wanted
        stored(store, binding(1))
        assert books.read(connection, "a").records.wanted == before
    with store.reading() as connection:
        assert books.read(connection, "a").records.wanted == before + 1


def test_a_look_does_not_wait_for_a_writer(store: Store) -> None:
    """A page of the daemon is served while intake is at work."""
    stored(store, binding(1))
    with store.writing() as writing, store.reading() as reading:
        writing.execute(sa.update(table).values(wanted=7))
        assert reading.execute(sa.select(table.c.wanted)).scalar() == 1
