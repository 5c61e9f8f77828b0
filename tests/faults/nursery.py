"""Daemons by the dozen: a process that has imported everything forks `crocevia run`, which spares two seconds a life.

A life from here differs from a plain `crocevia run` in nothing but when the modules were imported; the first life of
each daemon is a plain one.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from attrs import define, field

_IMPORTED = (
    "crocevia.cli",
    "crocevia.cli.run",
    "crocevia.cli.status",
    "crocevia.daemon",
    "crocevia.logs",
    "crocevia.config",
    "crocevia.engine.embedded",
    "crocevia.identity.match",
    "crocevia.identity.normalise",
    "crocevia_demo",
    "crocevia_meta",
    "crocevia_salesforce",
    "crocevia_tryton",
    "alembic.command",
    "psycopg",
    "simple_salesforce",
)
_ROOT = Path(__file__).parents[2]
_PR_SET_PDEATHSIG = 1  # Source: prctl(2), Linux 6.7


@define(eq=False)
class Child:
    """A daemon that was forked: what of `subprocess.Popen` its keeper needs. `returncode`: None while it lives."""

    pid: int
    returncode: int | None = None
    stdout: None = None
    _ended: threading.Event = field(factory=threading.Event)

    def poll(self) -> int | None:
        """The exit code, negative for a signal; None while it lives."""
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait for its end. Raises subprocess.TimeoutExpired."""
        if not self._ended.wait(timeout):
            raise subprocess.TimeoutExpired("crocevia run", timeout or 0)
        assert self.returncode is not None
        return self.returncode

    def terminate(self) -> None:
        """SIGTERM."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with contextlib.suppress(ProcessLookupError):
            if self.returncode is None:
                os.kill(self.pid, number)

    def ended(self, code: int) -> None:
        """It has ended so."""
        self.returncode = code
        self._ended.set()


class Nursery:
    """The process that forks. Use as a context manager; all its children end with it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.nursery"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            start_new_session=True,  # it kills its whole group at its end
        )
        self._children: dict[int, Child] = {}
        self._lock = threading.Condition()
        self._born: list[int] = []
        self._thread = threading.Thread(target=self._listen, name="nursery", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._thread.join(10)
        if self._process.stdout is not None:
            self._process.stdout.close()

    def fork(
        self,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
        *,
        arguments: Sequence[str] = ("run",),
        answer: Path | None = None,
    ) -> Child:
        """Start `crocevia`; what it says is appended to `log`, its standard output to `answer` where that is given."""
        assert self._process.stdin is not None
        with self._lock:
            said: dict[str, Any] = {"folder": str(folder), "environment": dict(environment), "arguments": [*arguments]}
            said |= {"log": str(log), "answer": str(answer or log)}
            self._process.stdin.write(json.dumps(said) + "\n")
            self._process.stdin.flush()
            assert self._lock.wait_for(lambda: bool(self._born), 60), "the nursery does not answer"
            return self._children[self._born.pop()]

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            what, pid, code = line.split()
            with self._lock:
                if what == "born":
                    self._children[int(pid)] = Child(int(pid))
                    self._born.append(int(pid))
                    self._lock.notify_all()
                else:
                    self._children[int(pid)].ended(int(code))


# --- in the nursery itself --------------------------------------------------------------------------------------------


def main() -> None:
    """Fork what is asked for on standard input, one JSON object a line; tell of births and ends on standard output."""
    for name in _IMPORTED:
        importlib.import_module(name)
    gc.freeze()
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake)
    asked = b""
    while True:  # one thread only: what forks must not hold another's lock
        ready, _, _ = select.select([0, woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _bury()
        if 0 in ready:
            more = os.read(0, 65536)
            if not more:
                break
            *lines, asked = (asked + more).split(b"\n")
            for line in lines:
                _say("born", _fork(json.loads(line), wake), 0)
    os.killpg(0, signal.SIGKILL)  # whoever is left


def _say(*words: object) -> None:
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def _bury() -> None:
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            _say("ended", ended[0], os.waitstatus_to_exitcode(ended[1]))


def _fork(wanted: dict[str, Any], wake: int) -> int:
    pid = os.fork()
    if pid:
        return pid
    code = 70
    try:
        signal.set_wakeup_fd(-1)
        os.close(wake)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        _become(wanted)
        code = _run(wanted["arguments"])
    except BaseException:  # noqa: BLE001 - nothing of the nursery may go on in a child
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _become(wanted: dict[str, Any]) -> None:
    """Have the folder, the environment, the streams and the randomness of a program that was just started."""
    os.chdir(wanted["folder"])
    os.environ.update(wanted["environment"])
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    for number, name in ((1, "answer"), (2, "log")):
        os.dup2(os.open(wanted[name], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644), number)
    random.seed()
    clock = importlib.import_module("crocevia.clock")
    clock.SYSTEM_RANDOM.seed()


def _run(arguments: list[str]) -> int:
    faults = importlib.import_module("crocevia.faults")
    armed = os.environ.get("CROCEVIA_FAULT")
    faults.install(faults.killer(armed) if armed else None)
    try:
        importlib.import_module("crocevia.cli").main(arguments, prog_name="crocevia")
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
    return 0


if __name__ == "__main__":
    main()
