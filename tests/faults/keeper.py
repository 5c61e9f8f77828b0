"""Keeps one daemon running through the lives that the schedule gives it, each ended by kill -9."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO

import requests
from attrs import define, field

from tests.faults.nursery import Child, Nursery
from tests.faults.programs import crocevia, end, start
from tests.faults.schedule import Life

_LOOK_S = 0.03
_MOST_START_S = 30.0
_REST_S = 0.1


@define(eq=False)
class Keeper:
    """One daemon. `start` begins its lives; after the last one it stays up until `stop`.

    Attributes:
        settings: Its `crocevia.toml`.
        port: Where it listens.
        kills: By where they fell.
        ended: Exit codes of lives that ended by themselves: 1 when the store could not be used at its start.
        stays: Set when no more kills come.
    """

    folder: Path
    settings: Path
    port: int
    lives: tuple[Life, ...]
    nursery: Nursery
    environment: Mapping[str, str] = field(factory=dict)
    kills: Counter[str] = field(factory=Counter)
    ended: Counter[int] = field(factory=Counter)
    stays: threading.Event = field(factory=threading.Event)
    process: subprocess.Popen[bytes] | Child | None = None
    _stopping: threading.Event = field(factory=threading.Event)
    _thread: threading.Thread | None = None
    _hold: threading.Lock = field(factory=threading.Lock)
    _exit: int | None = None
    _starts: int = 0

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / f"daemon-{self.port}.log"

    @property
    def url(self) -> str:
        """Its own web server, past the roads."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._tend, name=f"keeper {self.port}", daemon=True)
        self._thread.start()

    def stop(self) -> int | None:
        """End it cleanly; return its exit code."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
        return self._exit

    def revive(self) -> None:
        """Begin again after `stop`, with no more kills to come."""
        self.lives, self.process = (), None
        self._stopping.clear()
        self.start()

    def ready(self) -> bool:
        """Whether it answers, whatever state its store and its lanes are in."""
        try:
            return requests.get(f"{self.url}/healthz", timeout=2).ok
        except requests.RequestException:
            return False

    def while_alive(self, what: Callable[[int], None]) -> bool:
        """Do something with its process id while no kill comes in between; False when it is not there to do it with."""
        with self._hold:
            if self.process is None or self.process.poll() is not None:
                return False
            try:
                what(self.process.pid)
            except ProcessLookupError:  # it has died since
                return False
            return True

    # --- its thread ---------------------------------------------------------------------------------------------------

    def _tend(self) -> None:
        try:
            self._keep()
        finally:
            self.stays.set()  # whatever happened: nobody waits for ever

    def _keep(self) -> None:
        with self.log.open("ab", buffering=0) as log:
            for number, life in enumerate(self.lives):
                if self._stopping.is_set():
                    break
                log.write(f"--- life {number}: {life}\n".encode())
                self._begin(log, life.fault)
                self._live(life)
            self.stays.set()
            log.write(b"--- stays\n")
            while not self._stopping.is_set():
                if self.process is None or self.process.poll() is not None:
                    if self.process is not None:
                        self.ended[self.process.wait()] += 1
                        time.sleep(_REST_S)
                    self._begin(log, "")
                self._stopping.wait(_LOOK_S)
            if self.process is not None:
                self._exit = end(self.process, 40)

    def _begin(self, log: IO[bytes], fault: str) -> None:
        environment = {**self.environment, "CROCEVIA_SETTINGS": str(self.settings), "NO_COLOR": "1"}
        if fault:
            environment["CROCEVIA_FAULT"] = fault
        with self._hold:
            if self._starts == 0:  # a plain one; see the nursery for the others
                self.process = start(crocevia("run"), self.folder, environment, stdout=log, stderr=log)
            else:
                self.process = self.nursery.fork(self.folder, environment, self.log)
            self._starts += 1

    def _live(self, life: Life) -> None:
        """Wait for the end of this life."""
        process, began = self.process, time.monotonic()
        assert process is not None
        until, where = began + (life.starting_s or _MOST_START_S), "starting"
        while time.monotonic() < until and not self._stopping.is_set():
            if process.poll() is not None:
                break
            if life.starting_s is None and where == "starting" and self.ready():
                until, where = time.monotonic() + life.ready_s, "at work"
            time.sleep(_LOOK_S)
        by_itself = process.poll() is not None
        if not by_itself:
            with self._hold, suppress(ProcessLookupError):  # it may die of itself just now
                os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.process = None
        if process.returncode == -signal.SIGKILL:
            self.kills[f"at {life.fault.rpartition(':')[0]}" if by_itself else where] += 1
        else:
            self.ended[process.wait()] += 1
            time.sleep(_REST_S)
