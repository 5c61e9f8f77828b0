"""Anything in any order over a channel and two CRMs, one of which loses: at rest the invariants hold."""

import os
import shutil
from itertools import count
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from crocevia.store import Store
from crocevia.store.tables import interactions
from crocevia.testing import FakeClock, FaultPoints, KilledError, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads

_EXAMPLES = int(os.environ.get("CROCEVIA_TEST_EXAMPLES", "12"))
_PEOPLE = {"ada": "+393331234501", "bob": "+393331234502", "eve": None}
_NAMES = st.sampled_from(["Ada", "Ada King", "Maria Anna", "Wolfeschlegelsteinhausenbergerdorff the Third", "O'Neil"])
_TEXTS = st.sampled_from(["Hello", "", "x" * 70, "due\nrighe", "🙂"])
_NUMBERS = st.sampled_from(["+393331234501", "333 1234502", "02 1234567", None, "ask at the desk"])
_TAGS = st.sampled_from([None, "vip", "a;b", "b;a"])
_SPOTS = st.integers(0, 30)


class Traffic(RuleBasedStateMachine):
    """What customers, colleagues, networks and power cuts do."""

    template: Path
    folder: Path
    numbers = count()

    def __init__(self) -> None:
        super().__init__()
        path = self.folder / f"{next(self.numbers)}.db"
        shutil.copy(self.template, path)
        clock = FakeClock()
        chat = MemoryChannel(clock=clock, reports=("sent", "delivered"))
        self.roads = Crossroads(
            Store(f"sqlite:///{path}"), clock, chat, MemoryCRM(clock=clock), MemoryCRM(clock=clock, lossy=True)
        )
        self.written: list[str] = []
        self.answers = 0

    @initialize()
    def begin(self) -> None:
        """The first process."""
        self.roads.start()

    @rule(who=st.sampled_from(sorted(_PEOPLE)), text=_TEXTS, name=st.none() | _NAMES)
    def write(self, who: str, text: str, name: str | None) -> None:
        """A customer writes."""
        self.written.append(self.roads.chat.write(who, text, name=name, phone=_PEOPLE[who]))

    @precondition(lambda self: self.written)
    @rule(spot=_SPOTS, text=_TEXTS)
    def edit(self, spot: int, text: str) -> None:
        """A customer edits a message."""
        self.roads.chat.edit(self.written[spot % len(self.written)], text)

    @precondition(lambda self: self.written)
    @rule(spot=_SPOTS)
    def remove(self, spot: int) -> None:
        """A customer takes a message back."""
        self.roads.chat.remove(self.written[spot % len(self.written)])

    @precondition(lambda self: self.roads.chat.emitted)
    @rule()
    def redeliver(self) -> None:
        """The channel tells its last webhook again."""
        self.roads.post(self.roads.chat.redeliver().body)

    @rule(name=_NAMES, number=_NUMBERS, tags=_TAGS, lossy=st.booleans())
    def create(self, name: str, number: str | None, tags: str | None, lossy: bool) -> None:  # noqa: FBT001 - a parameter
        """A colleague types a customer in."""
        if lossy:
            rows = [["mobile", number]] if number else []
            self.roads.b.create(name=name[:30], reachable=rows, tags=tags)
        else:
            self.roads.a.create(last=name, mobile=number, tags=tags)

    @rule(spot=_SPOTS, name=_NAMES, tags=_TAGS, lossy=st.booleans())
    def correct(self, spot: int, name: str, tags: str | None, lossy: bool) -> None:  # noqa: FBT001 - a parameter
        """A colleague corrects a name, and sets or clears the tags."""
        crm = self.roads.b if lossy else self.roads.a
        if ids := list(crm.records()):
            first, _, last = name.rpartition(" ")
            values: dict[str, Any] = {"name": name[:30]} if lossy else {"first": first or None, "last": last}
            crm.edit(ids[spot % len(ids)], tags=tags, **values)

    @rule(spot=_SPOTS, number=_NUMBERS, lossy=st.booleans())
    def renumber(self, spot: int, number: str | None, lossy: bool) -> None:  # noqa: FBT001 - a parameter
        """A colleague corrects or clears a number."""
        crm = self.roads.b if lossy else self.roads.a
        if ids := list(crm.records()):
            rows = [["mobile", number]] if number else []
            crm.edit(ids[spot % len(ids)], **({"reachable": rows} if lossy else {"mobile": number}))

    @rule(spot=_SPOTS, lossy=st.booleans())
    def answer(self, spot: int, lossy: bool) -> None:  # noqa: FBT001 - a parameter
        """A colleague answers somebody."""
        crm = self.roads.b if lossy else self.roads.a
        if ids := list(crm.records()):
            self.answers += 1
            text = f"Answer {self.answers}"
            crm.create("Touch", person=ids[spot % len(ids)], direction="outbound", status="to send", text=text)

    @rule(spot=_SPOTS)
    def delete(self, spot: int) -> None:
        """A colleague deletes a record."""
        if ids := list(self.roads.a.records()):
            self.roads.a.delete(ids[spot % len(ids)])

    @rule(lossy=st.booleans(), rows=st.none() | st.integers(0, 2))
    def lose(self, lossy: bool, rows: int | None) -> None:  # noqa: FBT001 - a parameter
        """A CRM's next answer gets lost."""
        (self.roads.b if lossy else self.roads.a).trouble.lose_answer(rows=rows)

    @rule(at=st.none() | st.integers(1, 12), seconds=st.integers(0, 90))
    def work(self, at: int | None, seconds: int) -> None:
        """Everything once; or until the process dies at some place."""
        with FaultPoints() as points:
            if at is not None:
                points.kill("*", on=at)
            try:
                self.roads.round()
            except KilledError:
                self.roads.start()
        self.roads.clock.advance(seconds)

    def teardown(self) -> None:
        """At rest."""
        try:
            if self.roads.lanes:
                self.roads.settle()
                self.roads.check()
                logged = [row["key"] for row in self.roads.rows(interactions, connection="chat")]
                assert sorted(logged) == sorted(self.written), "every message is one interaction"
        finally:
            self.roads.store.close()


def test_at_rest_the_invariants_hold_whatever_happened(migrated_sqlite: Path, tmp_path: Path) -> None:
    """`CROCEVIA_TEST_EXAMPLES` asks for more days than a short test run has time for."""
    Traffic.template, Traffic.folder = migrated_sqlite, tmp_path
    run_state_machine_as_test(
        Traffic,
        settings=settings(
            max_examples=_EXAMPLES,
            stateful_step_count=14,
            deadline=None,
            derandomize="CROCEVIA_TEST_EXAMPLES" not in os.environ,
            database=None,
            phases=[Phase.generate, Phase.shrink] if "CROCEVIA_TEST_EXAMPLES" in os.environ else [Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )
