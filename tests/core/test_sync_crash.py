"""Killed at every fault point: afterwards nothing is lost, nothing doubled, and the books balance."""

from collections.abc import Callable

import pytest

from crocevia.store.tables import commands, decisions, interactions, reviews
from crocevia.testing import FaultPoints, KilledError, MemoryChannel, MemoryCRM, seeded_random
from tests.core.conftest import Crossroads

POINTS = (
    "intake.before_commit",
    "intake.committed",
    "pull.before_commit",
    "pull.committed",
    "push.claimed",
    "push.called",
    "push.before_record",
    "push.recorded",
    "send.claimed",
    "send.called",
    "send.before_record",
    "send.recorded",
)
LONG = "Wolfeschlegelsteinhausenbergerdorff"


class Day:
    """A day of two customers and two CRMs, one step after the other; a step is what others do, never we."""

    def __init__(self, crossroads: Crossroads, seed: int) -> None:
        self.crossroads = crossroads
        self.dice = seeded_random("day", seed)
        crossroads.chat = MemoryChannel(clock=crossroads.clock, reports=("sent", "delivered"))
        crossroads.b = MemoryCRM(clock=crossroads.clock, lossy=True)
        crossroads.a.create(first="Carla", last="Conti", mobile="+39 333 000 0003")
        self.replies = 0

    def steps(self) -> list[Callable[[], object]]:
        """What happens, in order; the seed turns some of it round."""
        chat = self.crossroads.chat
        first = [lambda: self.message("ada", "Hello", LONG), lambda: self.message("bob", "Ciao", "Bob")]
        later = [
            lambda: self.message("ada", "x" * 100),
            lambda: chat.edit("m1", "Hello, edited"),
            self.answer,
            self.correct,
            lambda: self.message("carla", "It is me", "Carla", phone="+393330000003"),
            lambda: self.crossroads.post(chat.redeliver(0).body),
        ]
        self.dice.shuffle(later)
        return [*first, *later, self.answer, lambda: chat.remove("m2")]

    def message(self, who: str, text: str, name: str | None = None, phone: str | None = None) -> None:
        """A customer writes."""
        self.crossroads.chat.write(who, text, name=name, phone=phone or f"+39333000000{len(who)}{ord(who[0]) % 10}")

    def answer(self) -> None:
        """Somebody answers Bob, from the one CRM or the other."""
        crm, field = self.dice.choice([(self.crossroads.a, "last"), (self.crossroads.b, "name")])
        person = next((id_ for id_, row in crm.records().items() if row[field] == "Bob"), None)
        if person is not None:
            self.replies += 1
            crm.create("Touch", person=person, direction="outbound", status="to send", text=f"Answer {self.replies}")

    def correct(self) -> None:
        """Somebody corrects a number and adds a tag, in the CRM or the other."""
        crm, field = self.dice.choice([(self.crossroads.a, "last"), (self.crossroads.b, "name")])
        for id_, row in crm.records().items():
            if row[field] == "Bob":
                crm.edit(id_, tags=f"from {field}")


def live(crossroads: Crossroads, day: Day) -> int:
    """The whole day; after a kill a new process goes on. How often it was killed."""
    kills = 0
    crossroads.start()
    for step in day.steps():
        step()
        for _ in range(2):
            try:
                crossroads.round()
            except KilledError:
                kills += 1
                crossroads.start()
        crossroads.clock.advance(31)
    while True:
        try:
            crossroads.settle()
        except KilledError:
            kills += 1
            crossroads.start()
        else:
            return kills


def verify(crossroads: Crossroads, day: Day) -> None:
    """What the day must have come to."""
    crossroads.check()
    assert crossroads.rows(reviews) == [], "nobody has to look at what was only a crash"
    texts = sorted(row["text"] or "" for row in crossroads.rows(interactions, direction="inbound"))
    assert texts == sorted(["Hello, edited", "", "x" * 100, "It is me"])
    assert len(crossroads.a.records()) == len(crossroads.b.records()) == 3, "nobody is doubled, nobody is missing"
    assert LONG in {row["last"] for row in crossroads.a.records().values()}, "what one CRM cannot hold is not lost"
    assert LONG[:30] in {row["name"] for row in crossroads.b.records().values()}
    assert len(crossroads.a.records("Touch")) == len(crossroads.b.records("Touch")) == 4 + day.replies
    sent = [message.text for message in crossroads.chat.sent]
    rows = crossroads.rows(commands)
    assert len(sent) == len(set(sent))
    assert len(rows) == day.replies
    done = sum(row["state"] == "done" for row in rows)
    assert done == len(sent), "every message that went is known to have gone: its status settles it"
    assert {row["state"] for row in rows} <= {"done", "unknown"}


@pytest.mark.parametrize(
    ("store", "point", "seed"),
    [
        *(("sqlite", point, 0) for point in POINTS),
        ("postgresql", "intake.before_commit", 1),
        ("postgresql", "push.called", 1),
    ],
    indirect=["store"],
)
def test_killed_once_at(crossroads: Crossroads, point: str, seed: int) -> None:
    """Somewhere in the day, by the seed."""
    day = Day(crossroads, seed)
    on = 1 + seeded_random(point, seed).randrange(2 if point.startswith("send") else 6)
    with FaultPoints() as points:
        points.kill(point, on=on)
        kills = live(crossroads, day)
        assert kills == (points.reached.count(point) >= on)
    assert kills == 1
    verify(crossroads, day)


@pytest.mark.parametrize(
    ("store", "seed"), [("sqlite", 0), ("sqlite", 1), ("sqlite", 2), ("postgresql", 3)], indirect=["store"]
)
def test_killed_again_and_again(crossroads: Crossroads, seed: int) -> None:
    """Every few places, whatever they are called."""
    day = Day(crossroads, seed)
    dice = seeded_random("kills", seed)
    with FaultPoints() as points:
        at = 0
        for _ in range(8):
            at += dice.randrange(1, 14)
            points.kill("*", on=at)
        kills = live(crossroads, day)
    assert kills >= 5
    verify(crossroads, day)


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
def test_the_core_has_no_fault_point_that_is_not_killed_here(crossroads: Crossroads) -> None:
    """But for the journal's, which has a process of its own to be killed in."""
    day = Day(crossroads, 0)
    with FaultPoints() as points:
        assert live(crossroads, day) == 0
    assert set(points.reached) - {"journal.before_commit", "journal.committed"} == set(POINTS)
    verify(crossroads, day)


def test_what_was_read_before_the_crm_was_described_again_is_not_cut(crossroads: Crossroads) -> None:
    """Killed after the create and again after the page that tells of it: the short name there is no edit."""
    crossroads.b = MemoryCRM(clock=crossroads.clock, lossy=True)
    crossroads.chat.write("ada", "Hello", name=LONG, phone="+393331234567")
    crossroads.round()
    with FaultPoints() as points:
        crossroads.b.trouble.clear()
        crossroads.chat.write("bob", "Hello", name=LONG + " Bob", phone="+393331234568")
        crossroads.deliver()
        crossroads.turn("chat")
        crossroads.clock.advance(5)
        points.kill("push.called")
        with pytest.raises(KilledError):
            crossroads.turn("b")
        crossroads.start()
        points.kill("pull.committed")
        with pytest.raises(KilledError):
            crossroads.turn("b")
    crossroads.start()
    crossroads.settle()
    assert sorted(row["last"] for row in crossroads.a.records().values()) == [LONG, LONG + " Bob"]
    assert crossroads.rows(reviews) == []
    crossroads.check()


def test_an_edit_read_before_the_crm_was_described_again_is_no_conflict_with_what_was_cut(
    crossroads: Crossroads,
) -> None:
    """What a field there has no room for is ours as before: nobody changed it but the person there."""
    crossroads.b = MemoryCRM(clock=crossroads.clock, lossy=True)
    crossroads.chat.write("ada", "Hello", name=LONG, phone="+393331234567")
    crossroads.settle()
    crossroads.b.edit(crossroads.person_id(crossroads.b), name="King")
    with FaultPoints() as points:
        points.kill("pull.committed")
        with pytest.raises(KilledError):
            crossroads.turn("b")
    before = len(crossroads.rows(decisions))
    crossroads.start()
    crossroads.settle()
    assert crossroads.person(crossroads.a)["last"] == "King"
    assert [row["why"] for row in crossroads.rows(decisions)[before:]] == ["it changed there, we had not"]
    crossroads.check()
