"""No call is lost or doubled: the connection is cut at every event of the recording, for a moment or for long."""

import json
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from threading import Event as StopEvent
from typing import Any, Self

import pytest
from attrs import define, evolve, field

from crocevia import Event, InteractionCompleted, InteractionSeen
from crocevia.errors import RetryableError
from crocevia_asterisk import Settings
from crocevia_asterisk.ledger import Ledger
from crocevia_asterisk.listening import Listening
from crocevia_asterisk.reading import events
from crocevia_asterisk.told import Told
from tests.plugins.asterisk.recording import five_calls
from tests.plugins.asterisk.story import inbound, make_settings, talk

CALLS = ("1795288128.0", "1795288131.1", "1795288134.3", "1795288135.5", "1795288147.7")
ENDS = {"1795288128.0": 1, "1795288131.1": 2, "1795288134.3": 0, "1795288135.5": 10, "1795288147.7": 3}


@define(eq=False)
class Replay:
    """An exchange that tells a recording again, and breaks off where it is told to.

    Attributes:
        position: How far it is, whether or not anybody listens.
        cut: Before which event the connection breaks; None: it does not.
    """

    story: Sequence[Told]
    rows: Sequence[str] = ()
    position: int = 0
    cut: int | None = None
    stop: StopEvent = field(factory=StopEvent)
    cdr: Path | None = None
    _late_s: float = 0.0
    _written: int = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def now_s(self) -> float:
        """The time of the last event, whether or not it was heard."""
        return self.story[max(self.position - 1, 0)].at + self._late_s

    def channels(self) -> list[Told]:
        """Which channels the events so far leave up."""
        up: dict[str, dict[str, str]] = {}
        for told in self.story[: self.position]:
            for unique, linked in told.ids:
                if told.name == "Newchannel":
                    up[unique] = dict(told.head)
                elif told.name == "Newstate" and unique in up:
                    up[unique].update(told.head)
                elif told.name == "BridgeEnter":
                    up[unique]["BridgeId"] = told["BridgeUniqueid"]
                elif told.name == "Hangup":
                    up.pop(unique, None)
                elif unique in up and linked:
                    up[unique]["Linkedid"] = linked
        self._write_cdr()
        return [Told(self.now_s(), "CoreShowChannel", head) for head in up.values()]

    def heard(self, timeout_s: float) -> list[Told]:
        """One event, or time that passes at the end."""
        if self.position == self.cut:
            self.cut = None
            raise RetryableError("cut")
        if self.position == len(self.story):
            self._late_s += timeout_s
            if self._late_s > 8:
                self.stop.set()
            self._write_cdr()
            return []
        told = self.story[self.position]
        self.position += 1
        self._write_cdr()
        return [told]

    def unknown(self) -> list[dict[str, Any]]:
        """None."""
        return []

    def _write_cdr(self) -> None:
        """The exchange writes its rows whether or not anybody listens: a call's when its `Cdr` is told."""
        done = {told["UniqueID"] for told in self.story[: self.position] if told.name == "Cdr"}
        if self.cdr is not None and len(done) > self._written:
            self._written = len(done)
            self.cdr.write_text("".join(row for row in self.rows if any(f'"{id_}"' in row for id_ in done)))


def listen(replay: Replay, settings: Settings, *, cut: int | None, gap: int, lose_page: bool) -> list[Event]:
    """Listen to the end; after the cut, `gap` events pass unheard."""
    replay.cut = cut
    cursor: str | None = None
    bodies: list[bytes] = []
    for _ in range(5):
        listening = Listening(replay, settings, cursor, replay.now_s)
        try:
            for page in listening.pages(replay.stop):
                if lose_page and cursor is not None and replay.position == cut:
                    replay.cut, lose_page = None, False
                    raise RetryableError("the worker dies before this page is kept")  # noqa: TRY301 - as a cut would
                bodies.append(page.body)
                cursor = page.cursor
            break
        except RetryableError:
            replay.position = min(replay.position + gap, len(replay.story))
    return [event for body in bodies if body for event in events(json.loads(body), settings)]


@pytest.fixture(scope="module")
def story() -> list[Told]:
    """The five calls, without the exchange's own CDR events: those of the file are wanted here."""
    return five_calls().told()


def rows() -> list[str]:
    """The CDR file's, with the columns that `newcdrcolumns` adds."""
    found = five_calls().cdr.splitlines()
    return [f'{row},"","{row.split(",")[-2].strip(chr(34))}",7\n' for row in found if row.startswith('"')]


def once_each(found: Sequence[Event]) -> None:
    """Every call began once and ended once; what is told again has the same key, which the core knows."""
    seen = Counter(event.key for event in found if isinstance(event, InteractionSeen))
    completed = Counter(event.of for event in found if isinstance(event, InteractionCompleted))
    assert (sorted(seen), sorted(completed)) == (sorted(CALLS), sorted(CALLS))
    assert set(seen.values()) == set(completed.values()) == {1}


@pytest.mark.parametrize(("gap", "lose_page", "step"), [(2, False, 3), (15, True, 5), (60, False, 7), (0, True, 5)])
def test_with_the_cdr_file_no_cut_loses_or_doubles_a_call(
    story: list[Told], tmp_path: Path, *, gap: int, lose_page: bool, step: int
) -> None:
    """Whatever is not heard: each call once, with its outcome, and its length to a second."""
    cdr = tmp_path / "Master.csv"
    settings = make_settings(internal="log", trunks=(), cdr_csv=str(cdr))
    outcomes = dict(zip(CALLS, ("answered", "answered", "busy", "missed", "answered"), strict=True))
    for cut in range(0, len(story), step):
        cdr.write_text("")
        replay = Replay(story, rows(), cdr=cdr)
        found = listen(replay, settings, cut=cut, gap=gap, lose_page=lose_page)
        once_each(found)
        for event in found:
            if isinstance(event, InteractionCompleted):
                assert event.outcome == outcomes[event.of], (cut, event)
                if event.outcome == "answered":
                    assert event.duration is not None
                    assert abs(event.duration - timedelta(seconds=ENDS[event.of])) <= timedelta(seconds=1), cut


@pytest.mark.parametrize("gap", [0, 3, 30])
def test_without_it_a_call_that_began_is_never_lost(story: list[Told], gap: int) -> None:
    """Its end may be unknown, and is then told so; only what began and ended unheard is not known."""
    settings = make_settings(internal="log", trunks=())
    told_by_cdr = [told for told in story if told.name != "Cdr"]
    for cut in range(len(told_by_cdr)):
        found = listen(Replay(told_by_cdr), settings, cut=cut, gap=gap, lose_page=False)
        seen = Counter(event.key for event in found if isinstance(event, InteractionSeen))
        completed = Counter(event.of for event in found if isinstance(event, InteractionCompleted))
        assert seen == completed
        assert set(seen.values()) <= {1}
        assert seen.keys() >= _partly_heard(told_by_cdr, cut, gap)
        unknown = [event for event in found if isinstance(event, InteractionCompleted) and event.outcome is None]
        assert all(event.duration is None and "not known" in (event.text or "") for event in unknown)


def _partly_heard(story: Sequence[Told], cut: int, gap: int) -> set[str]:
    """Calls of which a channel was up while somebody listened."""
    heard = [*story[:cut], *story[cut + gap :]]
    return {linked for told in heard if told.name != "Cdr" for _, linked in told.ids if linked}


def test_without_a_cut_nothing_is_told_twice(story: list[Told]) -> None:
    """And the cursor forgets what is over."""
    replay = Replay(story)
    pages = list(Listening(replay, make_settings(internal="log", trunks=()), None, replay.now_s).pages(replay.stop))
    assert sum(len(json.loads(page.body)["calls"]) for page in pages if page.body) == 10
    assert [json.loads(page.cursor)["open"] for page in (pages[0], pages[-1])] == [{}, {}]
    assert max(len(page.cursor) for page in pages) < 20_000


def test_a_cut_in_which_nothing_happens_changes_nothing() -> None:
    """What was heard a moment before it is not forgotten: the beginning of a hold, of which nothing else tells."""
    told = talk(inbound(), 0.5).at("1.2", "Hold").then(7).at("1.2", "Unhold").then(3).hangup("1.2", "1.1").told
    whole, *cuts = (
        [evolve(event, leaf="") for event in listen(Replay(told), make_settings(), cut=cut, gap=0, lose_page=False)]
        for cut in (None, *range(len(told)))
    )
    assert isinstance(whole[1], InteractionCompleted)
    assert "On hold 7 s" in (whole[1].text or "")
    assert [cut == whole for cut in cuts] == [True] * len(told)


def test_the_cdr_of_a_call_that_was_partly_heard_is_waited_for(story: list[Told]) -> None:
    """The exchange may write it a moment after the call is over."""
    ledger = Ledger.at(None, make_settings(trunks=(), cdr_csv="Master.csv"))
    ledger.hear(story[0])
    ledger.resume([evolve(story[0], name="CoreShowChannel")], story[0].at + 5)
    end = evolve(story[0], name="Hangup", at=story[0].at + 9)
    ledger.hear(end)
    assert ledger.sweep(end.at + 2) == []
    assert ledger.wanting == {CALLS[0]}
    assert [leaf["type"] for leaf in ledger.sweep(end.at + 6)] == ["began", "ended"]


def test_events_told_twice_change_nothing(story: list[Told]) -> None:
    """Some exchanges tell an event on two connections; a list of channels repeats what is known."""
    settings = make_settings(internal="log", trunks=())
    doubled = [told for told in story for _ in range(2)]
    once, twice = (listen(Replay(told), settings, cut=None, gap=0, lose_page=False) for told in (story, doubled))
    assert [evolve(event, leaf="") for event in twice] == [evolve(event, leaf="") for event in once]


def test_a_restarted_exchange_ends_what_was_up(story: list[Told]) -> None:
    """No channel is up any more, no CDR was written: the call is closed, and its length said to be unknown."""
    settings = make_settings(trunks=())
    ledger = Ledger.at(None, settings)
    for told in story[: 2 + next(index for index, told in enumerate(story) if told.name == "BridgeEnter")]:
        ledger.sweep(told.at)
        ledger.hear(told)
    now = told.at + 60
    again = Ledger.at(ledger.cursor(told.at), settings)
    leaves, missing = again.resume([], now)
    assert (leaves, missing) == ([], {"1795288131.1"})
    [completed] = events({"calls": again.lose("1795288131.1", (), now)}, settings)
    assert isinstance(completed, InteractionCompleted)
    assert (completed.of, completed.outcome, completed.duration) == ("1795288131.1", "answered", None)
    assert (completed.text or "").startswith("Ended while the exchange could not be heard")
