"""Fault points: named places in the core where a test can stop, fail or kill the process.

The core calls `reach("journal.committed")`; nothing happens unless a test has armed the place
(`crocevia.testing.FaultPoints`), or the environment has: `CROCEVIA_FAULT=journal.committed:3` kills the process,
as `kill -9` does, when it reaches that place for the third time; `*:40` at the fortieth place of any name.
Several are separated by commas.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable

from crocevia.errors import ConfigError

Probe = Callable[[str], None]


def reach(name: str) -> None:
    """Say that this place is reached: `"<part>.<what has just happened>"`. Costs one comparison when disarmed."""
    if _probe is not None:
        _probe(name)


def install(probe: Probe | None) -> Probe | None:
    """Call `probe` with the name of every place reached from now on, by any thread; None: nobody. Return the former."""
    global _probe
    former, _probe = _probe, probe
    return former


def killer(setting: str) -> Probe:
    """Read the environment variable's form to a probe that kills this process.

    Raises:
        ConfigError: not `name:n` with n >= 1.
    """
    left: dict[str, int] = {}
    for item in setting.split(","):
        name, colon, number = item.strip().rpartition(":")
        if not (colon and name and number.isascii() and number.isdigit() and int(number) > 0):
            msg = f"CROCEVIA_FAULT: expected name:n (n >= 1), several separated by commas, got {item!r}"
            raise ConfigError(msg)
        left[name] = int(number)
    lock = threading.Lock()

    def probe(name: str) -> None:
        with lock:
            for armed in (name, "*"):
                if armed in left:
                    left[armed] -= 1
                    if left[armed] == 0:
                        os.kill(os.getpid(), signal.SIGKILL)

    return probe


_probe: Probe | None = killer(os.environ["CROCEVIA_FAULT"]) if os.environ.get("CROCEVIA_FAULT") else None
