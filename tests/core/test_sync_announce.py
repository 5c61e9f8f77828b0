"""Plugins are told what happened: in order, at least once also after a crash, each for itself."""

from typing import Any

import pytest

from crocevia import hookimpl
from crocevia.config.options import Options
from crocevia.errors import RetryableError
from crocevia.store import announcements
from crocevia.store.announcements import Announcement
from crocevia.store.ids import RowIds
from crocevia.store.tables import listeners
from crocevia.sync import announce
from tests.core.conftest import Crossroads


def listening(heard: list[Any]) -> Any:
    """A plugin that remembers what it is told of interactions."""

    @hookimpl
    def crocevia_interaction_logged(sequence: int, interaction: str, revision: int, event: Any) -> None:
        heard.append((sequence, interaction, revision, type(event).__name__))

    return {"crocevia_interaction_logged": crocevia_interaction_logged}


def test_interactions_and_their_revisions_are_told_in_order(crossroads: Crossroads) -> None:
    """Once each, with the same sequence for all."""
    one: list[Any] = []
    two: list[Any] = []
    crossroads.hooks = {"one": listening(one), "two": listening(two)}
    message = crossroads.chat.write("ada", "Hello", phone="+393331234567")
    crossroads.settle()
    crossroads.chat.edit(message, "Hello!")
    crossroads.settle()
    assert [(revision, kind) for _, _, revision, kind in one] == [(1, "InteractionSeen"), (2, "InteractionRevised")]
    assert one == two == sorted(one)
    assert len({interaction for _, interaction, _, _ in one}) == 1


def test_a_plugin_that_fails_hears_it_again_and_holds_up_itself_alone(crossroads: Crossroads) -> None:
    """In order, after a pause; the other has heard everything long before."""
    heard: list[Any] = []
    failing: list[Any] = []
    tries = [0]

    @hookimpl
    def crocevia_interaction_logged(sequence: int, event: Any) -> None:
        tries[0] += 1
        if tries[0] <= 2:
            raise RuntimeError
        failing.append(event.text)

    crossroads.hooks = {"sick": {"crocevia_interaction_logged": crocevia_interaction_logged}, "well": listening(heard)}
    for text in ("one", "two"):
        crossroads.chat.write("ada", text, phone="+393331234567")
    crossroads.round()
    assert (len(heard), failing) == (2, [])
    crossroads.settle()
    crossroads.settle()
    assert failing == ["one", "two"]
    assert len(heard) == 2
    rows = crossroads.rows(listeners, plugin="sick")
    assert [(row["attempts"], row["error"]) for row in rows] == [(0, None)]


def test_what_was_told_and_not_noted_is_told_again_after_a_crash(crossroads: Crossroads, monkeypatch: Any) -> None:
    """At least once: the plugin sees the same sequence twice, and misses nothing."""
    heard: list[Any] = []
    crossroads.hooks = {"one": listening(heard)}
    crossroads.chat.write("ada", "one", phone="+393331234567")
    crossroads.deliver()
    crossroads.turn("chat")

    class Killed(BaseException):
        """As by kill -9."""

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(announcements, "advance", killed)
        with pytest.raises(Killed):
            announce.announce(crossroads.world)
    crossroads.start()
    crossroads.chat.write("ada", "two", phone="+393331234567")
    crossroads.settle()
    sequences = [sequence for sequence, *_ in heard]
    assert len(sequences) == 3
    assert sequences[0] == sequences[1] < sequences[2]


def test_a_listener_hears_everything_from_the_moment_it_is_enlisted(crossroads: Crossroads) -> None:
    """The very next row too; nothing from before; and a restart does not move it."""
    heard: list[int] = []

    @hookimpl
    def crocevia_connection_changed(sequence: int, connection: str, state: str) -> None:
        heard.append(sequence)

    crossroads.hooks = {"late": {"crocevia_connection_changed": crocevia_connection_changed}}
    world = crossroads.start()
    said = Announcement(hook="crocevia_connection_changed", connection="a", at=0, data={"state": "up", "reason": ""})
    with crossroads.store.writing() as connection:
        announcements.append(connection, RowIds(connection), [said])
    crossroads.start()
    assert announce.announce(world) == 1
    assert len(heard) == 1
    assert announce.announce(world) == 0


def test_health_is_told_when_it_goes_and_when_it_comes_back(crossroads: Crossroads) -> None:
    """Once each, however long it lasts."""
    states: list[tuple[str, str]] = []

    @hookimpl
    def crocevia_connection_changed(connection: str, state: str) -> None:
        states.append((connection, state))

    crossroads.hooks = {"watch": {"crocevia_connection_changed": crocevia_connection_changed}}
    crossroads.settle()
    crossroads.a.trouble.fail(RetryableError("down"), operation="changes", times=4)
    crossroads.settle()
    for _ in range(12):
        crossroads.round()
        crossroads.clock.advance(61)
    assert states == [("a", "down"), ("a", "up")]


def test_profiles_and_conflicts_are_told(crossroads: Crossroads) -> None:
    """What moved, where it came from; a conflict with base, ours and theirs."""
    changed: list[tuple[Any, ...]] = []
    conflicts: list[Any] = []

    @hookimpl
    def crocevia_profile_changed(fields: Any, values: Any, connection: str) -> None:
        changed.append((connection, tuple(fields), values.get("family_name")))

    @hookimpl
    def crocevia_conflict_raised(conflict: Any, review: str) -> None:
        conflicts.append((conflict.field, conflict.policy))

    crossroads.hooks = {
        "watch": {
            "crocevia_profile_changed": crocevia_profile_changed,
            "crocevia_conflict_raised": crocevia_conflict_raised,
        }
    }
    crossroads.options = {name: Options(policies={"default": "ask"}) for name in ("a", "b")}
    crossroads.chat.write("ada", "Hello", name="Ada", phone="+393331234567")
    crossroads.settle()
    crossroads.a.edit(crossroads.person_id(crossroads.a), first="Ada", last="King")
    crossroads.b.edit(crossroads.person_id(crossroads.b), first="Ada", last="Queen")
    crossroads.settle()
    assert changed[0] == ("chat", ("contact_points", "display_name"), None)
    assert changed[1][:2] == ("a", ("family_name", "given_name"))
    assert conflicts == [("given_name", "ask")]
    crossroads.check()
