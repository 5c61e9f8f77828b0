"""The embedded engine: one thread a lane, in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from threading import Event
from typing import Any

import structlog

from crocevia import hookimpl
from crocevia.errors import StoreError, where
from crocevia.sync.lane import Lane

STOP_S = 30.0
_log = structlog.get_logger("crocevia.engine")


class EmbeddedEngine:
    """Threads in one process. Enough for a company: a CRM's own limits are reached long before."""

    def run(self, lanes: Sequence[Lane], stop: Event) -> None:
        """Run the lanes until `stop` is set; a turn that is under way is finished."""
        threads = [threading.Thread(target=_run, args=(lane, stop), name=lane.name, daemon=True) for lane in lanes]
        for thread in threads:
            thread.start()
        beating = threading.Event()
        keeper = threading.Thread(target=_keep, args=(lanes, beating), name="leases", daemon=True)
        keeper.start()
        stop.wait()
        for lane in lanes:
            lane.wake.set()
        for thread in threads:
            thread.join(STOP_S)
        beating.set()


def _keep(lanes: Sequence[Lane], done: Event) -> None:
    """Renew the leases, so that a turn whose call lasts longer than one is not taken for dead."""
    while not done.is_set():
        for lane in lanes:
            with suppress(StoreError):  # the turn finds out by itself
                lane.keep()
        done.wait(min((lane.world.lease_s for lane in lanes), default=1.0) / 4)


def _run(lane: Lane, stop: Event) -> None:
    failures = 0
    while not stop.is_set():
        lane.wake.clear()
        try:
            wait_s = lane.turn()
            failures = 0
        except StoreError as error:
            if failures == 0:
                _log.error("the store fails", connection=lane.name, reason=str(error))
            failures += 1
            wait_s = min(30.0, 0.2 * 2**failures)
        except Exception as error:  # noqa: BLE001 - a lane that failed is tried again; the others never notice
            _log.error("a lane failed", connection=lane.name, error=type(error).__name__, at=where(error))
            failures += 1
            wait_s = min(30.0, 0.2 * 2**failures)
        if wait_s > 0:
            lane.world.clock.wait(lane.wake, wait_s)
    try:
        lane.release()
    except StoreError as error:
        _log.warning("the lease could not be given back", connection=lane.name, reason=str(error))


@hookimpl(trylast=True)
def crocevia_register_engines() -> Mapping[str, Callable[..., Any]]:
    """The core's own engine."""
    return {"embedded": EmbeddedEngine}
