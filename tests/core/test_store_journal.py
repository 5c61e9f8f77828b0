"""The journal: what was acknowledged is on disk, byte for byte."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from crocevia.errors import StoreError
from crocevia.model import Raw
from crocevia.store import Store, journal
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import journal as table
from crocevia.testing import FaultPoints

AT = datetime(2026, 11, 21, 9, 0, 0, 123456, tzinfo=UTC)


def raw(body: bytes = b"{}", connection: str = "chat") -> Raw:
    """A webhook."""
    return Raw(connection=connection, kind="memory_channel", body=body, received_at=AT)


class Acknowledged:
    """The answers that waiting requests got."""

    def __init__(self) -> None:
        self.answers: list[StoreError | None] = []
        self.news: list[set[str]] = []
        self._more = threading.Condition()

    def done(self, failure: StoreError | None) -> None:
        """One request's answer."""
        with self._more:
            self.answers.append(failure)
            self._more.notify_all()

    def wait(self, count: int) -> None:
        """Until so many have an answer."""
        with self._more:
            assert self._more.wait_for(lambda: len(self.answers) >= count, timeout=20)


def bodies(store: Store, name: str = "chat") -> list[bytes]:
    """What is pending, in order."""
    with store.reading() as connection:
        return [row.raw.body for row in journal.pending(connection, name, "memory_channel", 10_000)]


def test_a_raw_comes_back_as_it_went_in(store: Store) -> None:
    """Odd bytes, headers, stream and the microsecond."""
    given = Raw(
        connection="chat",
        kind="memory_channel",
        body=bytes(range(256)),
        received_at=AT + timedelta(microseconds=1),
        headers={"x-topic": "ünï"},
        source="page",
        stream="Person",
    )
    journal.commit(store, [given])
    with store.reading() as connection:
        [row] = journal.pending(connection, "chat", "memory_channel", 10)
    assert row.raw == given
    assert row.leaves is None


def test_the_oldest_come_first_each_connection_has_its_own_and_what_is_parsed_is_not_pending(store: Store) -> None:
    """In order of arrival."""
    journal.commit(store, [raw(b"1"), raw(b"x", "other"), raw(b"2")])
    with store.writing() as connection:
        journal.append(connection, [raw(b"3")])
    assert bodies(store) == [b"1", b"2", b"3"]
    with store.writing() as connection:
        first = journal.pending(connection, "chat", "memory_channel", 1)
        journal.finish(connection, [(first[0].id, 4)])
        assert [row.leaves for row in journal.read(connection, [first[0].id], "memory_channel")] == [4]
    assert bodies(store) == [b"2", b"3"]


def test_every_request_is_answered_after_its_raw_is_on_disk(store: Store) -> None:
    """From many threads at once; nothing lost, nothing doubled, and whoever has news is woken."""
    told = Acknowledged()
    commit = GroupCommit(store, told.news.append)
    threads = [
        threading.Thread(target=lambda n=n: [commit.submit(raw(f"{n}/{i}".encode()), told.done) for i in range(25)])
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told.wait(200)
    commit.close()
    assert told.answers == [None] * 200
    assert sorted(bodies(store)) == sorted(f"{n}/{i}".encode() for n in range(8) for i in range(25))
    assert set().union(*told.news) == {"chat"}
    assert len(told.news) < 200, "what queued during one commit goes into the next, together"


def test_a_store_that_fails_is_told_to_all_who_wait_and_the_journal_goes_on(store: Store) -> None:
    """No answer is an acknowledgement of what is not kept."""
    told = Acknowledged()
    with FaultPoints() as points:
        hold = points.hold("journal.committed")
        points.fail("journal.before_commit", StoreError("the store is full"), on=2)
        commit = GroupCommit(store, told.news.append)
        commit.submit(raw(b"first"), told.done)
        hold.wait_reached()
        for number in range(5):
            commit.submit(raw(f"lost {number}".encode()), told.done)
        hold.release()
        told.wait(6)
        commit.submit(raw(b"after"), told.done)
        told.wait(7)
    commit.close()
    assert [str(answer) for answer in told.answers] == ["None", *["the store is full"] * 5, "None"]
    assert bodies(store) == [b"first", b"after"]


def test_any_other_failure_is_an_answer_too_and_names_no_payload(store: Store) -> None:
    """Nobody waits for ever."""
    told = Acknowledged()
    with FaultPoints() as points:
        points.fail("journal.before_commit", RuntimeError("secret text"))
        commit = GroupCommit(store, told.news.append)
        commit.submit(raw(b"one"), told.done)
        told.wait(1)
    assert commit.alive
    commit.close()
    assert [str(answer) for answer in told.answers] == ["the journal failed: RuntimeError"]
    assert bodies(store) == []


def test_an_answer_that_raises_does_not_keep_the_others_from_theirs(store: Store) -> None:
    """A client that hung up must not end the journal."""
    told = Acknowledged()

    def hung_up(_: StoreError | None) -> None:
        raise RuntimeError("the client is gone")

    with FaultPoints() as points:
        hold = points.hold("journal.committed")
        commit = GroupCommit(store, told.news.append)
        commit.submit(raw(b"0"), told.done)
        hold.wait_reached()
        commit.submit(raw(b"1"), hung_up)
        commit.submit(raw(b"2"), told.done)
        hold.release()
        told.wait(2)
    commit.submit(raw(b"3"), told.done)
    told.wait(3)
    commit.close()
    assert bodies(store) == [b"0", b"1", b"2", b"3"]


def test_too_many_who_wait_are_refused_at_once(store: Store) -> None:
    """The caller answers 503; what was taken is kept."""
    told = Acknowledged()
    with FaultPoints() as points:
        hold = points.hold("journal.before_commit")
        commit = GroupCommit(store, told.news.append, most_waiting=2)
        assert commit.submit(raw(b"1"), told.done)
        hold.wait_reached()
        taken = [commit.submit(raw(b"x"), told.done) for _ in range(4)]
        hold.release()
        told.wait(1 + sum(taken))
    commit.close()
    assert taken == [True, True, False, False]
    assert commit.submit(raw(b"late"), told.done) is False


def _broken_in_the_middle(connection: sa.Connection) -> None:
    journal.append(connection, [raw(b"half")])
    raise RuntimeError


@pytest.mark.parametrize("work", [_broken_in_the_middle])
def test_a_transaction_is_whole_or_not_at_all(store: Store, work: Callable[[sa.Connection], None]) -> None:
    """What raises leaves nothing."""
    with pytest.raises(RuntimeError), store.writing() as connection:
        work(connection)
    assert bodies(store) == []


def test_a_full_disk_is_a_store_error_that_quotes_no_statement(store: Store) -> None:
    """On SQLite, by its own page limit."""
    if store.dialect != "sqlite":
        pytest.skip("a server's disk is not ours to fill")
    with store.appending(alone=True) as driver:
        pages = driver.execute("PRAGMA page_count").fetchone()[0]
        driver.execute(f"PRAGMA max_page_count = {pages + 2}")
    with pytest.raises(StoreError, match="full") as caught:
        journal.commit(store, [raw(b"personal" * 10_000)])
    assert "personal" not in str(caught.value)
    assert "INSERT" not in str(caught.value)
    with store.appending(alone=True) as driver:
        driver.execute("PRAGMA max_page_count = 1000000")
    journal.commit(store, [raw(b"again")])
    assert bodies(store) == [b"again"]


def test_rows_of_one_journal_keep_their_numbers(store: Store) -> None:
    """Read by id, whatever their state."""
    journal.commit(store, [raw(b"1"), raw(b"2")])
    with store.reading() as connection:
        ids = list(connection.execute(sa.select(table.c.id).order_by(table.c.id)).scalars())
        assert [row.raw.body for row in journal.read(connection, ids[::-1], "memory_channel")] == [b"1", b"2"]
