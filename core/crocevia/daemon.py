"""The daemon put together: settings, plugins, store, lanes, listeners and the web, from start to clean stop."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any

import structlog
from attrs import frozen

from crocevia import __version__
from crocevia.clock import SYSTEM_CLOCK, Clock
from crocevia.config import Settings, build_connector, build_mappings
from crocevia.connector import Listens
from crocevia.engine import Engine
from crocevia.engine.alone import lock
from crocevia.errors import ConfigError, RemoteError, StoreError
from crocevia.plugins import HookFailure, Plugins
from crocevia.store import Store, cursors, open_store
from crocevia.store.journal import GroupCommit
from crocevia.sync import announce, pull
from crocevia.sync.lane import Lane
from crocevia.sync.renormalise import renormalise
from crocevia.sync.retry import backoff
from crocevia.sync.world import Live, World, live
from crocevia.web.app import build_app, serve
from crocevia.web.pressure import LOOK_EVERY_S, Pressure

LISTENING = "listening"
REPEAT_S = 60.0
"""One cause of a hook's failure is logged once in so long: it may fail for each event. The metrics count all."""
_log = structlog.get_logger("crocevia.daemon")


def build_world(settings: Settings, plugins: Plugins, store: Store, clock: Clock = SYSTEM_CLOCK) -> World:
    """The connections of the settings, ready to be run.

    Raises:
        ConfigError: everything that is wrong with the mappings, all at once.
    """
    core = settings.core
    world = World(store, plugins.dispatcher, clock=clock, region=core.region, lease_s=core.lease_seconds)
    world.identity = settings.identity
    problems: list[str] = []
    for name, connection in settings.connections.items():
        connector = build_connector(connection, clock=clock)
        try:
            mappings = build_mappings(connection, connector, settings.fields)
        except ConfigError as error:
            problems += error.problems
            continue
        world.lives[name] = live(name, connector, connection.options, mappings)
    if problems:
        raise ConfigError(*problems)
    return world


@frozen
class Running:
    """A daemon at work. `url`: where its web server answers."""

    url: str
    world: World
    lanes: Mapping[str, Lane]


@contextmanager
def running(settings: Settings, plugins: Plugins, clock: Clock = SYSTEM_CLOCK) -> Iterator[Running]:
    """Run the daemon for as long as the block lasts; on leaving, turns under way are finished and the journal written.

    Raises:
        ConfigError: a setting is wrong, its engine is not installed, or another daemon runs on the store.
        StoreError: the store cannot be opened.
    """
    engine = _engine(settings.core.engine, plugins)
    held = lock(settings.core.store)
    try:
        store = open_store(settings.core.store)
    except BaseException:
        if held is not None:
            held.close()
        raise
    try:
        world = build_world(settings, plugins, store, clock)
        world.alone = held is not None
        announce.enlist(world)
        renormalise(world)
        _log_failures(plugins, clock)
        owner = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
        lanes = {name: Lane(world, found, owner) for name, found in world.lives.items()}
        world.wakes.update({name: lane.wake for name, lane in lanes.items()})
        pressure = Pressure(world, least_free_mb=settings.core.least_free_mb)
        journal = GroupCommit(store, partial(_wake, lanes))
        stop = threading.Event()
        server = serve(
            build_app(world, journal, lanes=lanes, public_url=settings.core.public_url, pressure=pressure),
            host=settings.core.host,
            port=settings.core.port,
        )
        threads = [
            threading.Thread(target=engine.run, args=(list(lanes.values()), stop), name="engine"),
            threading.Thread(target=_announce, args=(world, stop), name="announcing"),
            threading.Thread(target=_watch, args=(pressure, world, stop), name="pressure", daemon=True),
            *(
                threading.Thread(
                    target=_listen, args=(world, found, lanes[name], stop), name=f"listen {name}", daemon=True
                )
                for name, found in world.lives.items()
                if isinstance(found.connector, Listens)
            ),
        ]
        for thread in threads:
            thread.start()
        _log.info("running", version=__version__, url=server.url, store=store.url, connections=sorted(lanes))
        try:
            yield Running(server.url, world, lanes)
        finally:
            _log.info("stopping")
            server.stop()
            journal.close()
            stop.set()
            for thread in threads:
                thread.join(35)
            _log.info("stopped")
    finally:
        store.close()
        if held is not None:
            held.close()


def _wake(lanes: Mapping[str, Lane], names: set[str]) -> None:
    for name in names & lanes.keys():
        lanes[name].wake.set()


def _engine(name: str, plugins: Plugins) -> Engine:
    found: dict[str, Any] = {}
    for _, item in plugins.dispatcher.register("crocevia_register_engines"):
        made: Sequence[tuple[str, Any]] = list(item.items()) if isinstance(item, Mapping) else [item]
        for key, value in made:
            found.setdefault(key, value)
    if name not in found:
        expected = f"one of {', '.join(sorted(found))}"
        raise ConfigError(f"crocevia.engine: expected {expected}, got {name!r}; is its plugin installed?")
    engine: Engine = found[name]()
    return engine


def _log_failures(plugins: Plugins, clock: Clock) -> None:
    """Say which plugin's hook fails, and where; never with the error's text, which could quote a customer."""
    said_at_s: dict[tuple[str, str, str], float] = {}

    def say(failure: HookFailure) -> None:
        cause = (failure.plugin, failure.hook, failure.where)
        now = clock.monotonic_s()
        if now - said_at_s.get(cause, -REPEAT_S) >= REPEAT_S:
            said_at_s[cause] = now
            _log.warning("hook failed", plugin=failure.plugin, hook=failure.hook, error=failure.error, at=failure.where)

    plugins.dispatcher.failures.observe(say)


def _announce(world: World, stop: threading.Event) -> None:
    """Tell plugins what happens, a few times a second when there is news."""
    while not stop.is_set():
        told = 0
        try:
            told = announce.announce(world) if world.listened else 0
        except StoreError as error:
            _log.error("announcing waits for the store", reason=str(error))
        world.clock.wait(stop, 0.0 if told else 0.5)


def _watch(pressure: Pressure, world: World, stop: threading.Event) -> None:
    """Look now and then whether more can be taken in."""
    while not stop.is_set():
        pressure.look()
        world.clock.wait(stop, LOOK_EVERY_S)


def _listen(world: World, found: Live, lane: Lane, stop: threading.Event) -> None:
    """Keep a stream open: each page is journaled with its cursor; a broken stream is opened again, backing off.

    Only whoever has the lane listens, so that two daemons on one store do not hear, and acknowledge, the same.
    """
    connector = found.connector
    failures = 0
    while not stop.is_set() and isinstance(connector, Listens):
        if lane.lease is None:
            world.clock.wait(stop, 0.2)
            continue
        try:
            with world.store.reading() as connection:
                cursor = cursors.read(connection, found.name, LISTENING).text
            for page in connector.listen(cursor, stop):
                pull.keep(world, found, LISTENING, page, complete=True, lease=lane.lease, source="stream")
                lane.wake.set()
                failures = 0
        except (RemoteError, StoreError) as error:
            if failures == 0:
                _log.warning("stream broken", connection=found.name, reason=str(error))
        except Exception as error:  # noqa: BLE001 - a connector's bug must not end the stream for good
            _log.error("stream failed", connection=found.name, error=type(error).__name__)
        failures += 1
        world.clock.wait(stop, backoff(min(failures, 6), world.random).total_seconds())
