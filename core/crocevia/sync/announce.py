"""Plugins are told what happened, from a durable cursor of their own: at least once, also after a crash."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from crocevia.errors import PluginError
from crocevia.model import from_us
from crocevia.model.decision import Conflict
from crocevia.model.wire import from_wire
from crocevia.store import announcements, profiles
from crocevia.store.announcements import Announcement
from crocevia.sync.retry import backoff
from crocevia.sync.world import World

HOOKS = (
    "crocevia_interaction_logged",
    "crocevia_profile_changed",
    "crocevia_profiles_merged",
    "crocevia_profiles_unmerged",
    "crocevia_conflict_raised",
    "crocevia_connection_changed",
)
MOST_AT_ONCE = 100
_US = 1_000_000


def enlist(world: World) -> None:
    """Register every listener, and note which hooks need announcing at all."""
    pairs = [(plugin, hook) for hook in HOOKS for plugin in world.dispatcher.listeners(hook)]
    world.listened = frozenset(hook for _, hook in pairs)
    with world.store.writing() as connection:
        announcements.enlist(world.store, connection, pairs)


def heard(world: World) -> frozenset[str]:
    """The hooks that some plugin listens to."""
    return frozenset(hook for hook in HOOKS if any(world.dispatcher.listeners(hook)))


def announce(world: World) -> int:
    """Tell every listener what it has not heard, in order; return how many were told.

    A listener that fails hears the same again later; the others go on.
    """
    return sum(_tell(world, plugin, hook) for hook in HOOKS for plugin in world.dispatcher.listeners(hook))


def _tell(world: World, plugin: str, hook: str) -> int:
    with world.store.reading() as connection:
        listener = announcements.cursor(connection, plugin, hook)
        if listener.due_at > world.now_us():
            return 0
        waiting = announcements.after(connection, hook, listener.cursor, MOST_AT_ONCE)
        told = [(one, _arguments(connection, one)) for one in waiting]
    for number, (one, arguments) in enumerate(told):
        try:
            world.dispatcher.announce(plugin, hook, **arguments)
        except PluginError as error:
            after = backoff(listener.attempts, world.random).total_seconds()
            with world.store.writing() as connection:
                announcements.advance(
                    connection,
                    plugin,
                    hook,
                    attempts=listener.attempts + 1,
                    due_at=world.now_us() + int(after * _US),
                    error=str(error),
                )
            return number
        with world.store.writing() as connection:
            announcements.advance(connection, plugin, hook, cursor=one.sequence, attempts=0, due_at=0, error=None)
    return len(told)


def _arguments(connection: Any, one: Announcement) -> dict[str, Any]:
    """The hook's arguments, as its spec names them."""
    at: datetime = from_us(one.at)
    base: dict[str, Any] = {"sequence": one.sequence, "at": at}
    data = dict(one.data)
    match one.hook:
        case "crocevia_interaction_logged":
            rows = profiles.load_canonical(connection, [one.profile_id]) if one.profile_id else {}
            profile = next((row.uid for row in rows.values()), None)
            return {**base, **data, "connection": one.connection, "profile": profile, "event": from_wire(data["event"])}
        case "crocevia_profile_changed":
            rows = profiles.load_canonical(connection, [one.profile_id]) if one.profile_id else {}
            values = next((row.canonical() for row in rows.values()), {})
            return {**base, **data, "values": values}
        case "crocevia_conflict_raised":
            return {**base, "review": data["review"], "conflict": Conflict(**data["conflict"])}
        case "crocevia_connection_changed":
            return {**base, **data, "connection": one.connection}
        case _:
            return {**base, **data}
