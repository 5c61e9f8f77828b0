"""Bronze: `parse` computes, and does nothing else, so that a raw can be parsed again years later."""

from __future__ import annotations

import copy
import gc
import os
import random
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from types import FrameType
from typing import Any, ClassVar

from crocevia.testing.suite.sample import Sample
from crocevia.testing.suite.subject import Subject, expect

_CLOCKS = {time.time, time.time_ns, time.monotonic, time.monotonic_ns, time.perf_counter, time.localtime, time.gmtime}
_SYSTEM = {open, os.open, os.urandom, os.getenv, os.system, time.sleep, print}
_NOW_NAMES = {"now", "utcnow", "today"}
_IO_MODULES = {"socket", "ssl", "http.client", "urllib3.connectionpool", "requests.sessions", "subprocess", "threading"}


class Purity:
    """Tests that `parse` has no side."""

    subject: ClassVar[Subject]

    def test_parse_does_nothing_but_compute(self, sample: Sample) -> None:
        """No socket, no file, no clock, no chance: the context carries what `parse` may know."""
        connector, raw, context = self.subject.connector(), self.subject.raw(sample), self.subject.context
        list(connector.parse(raw, context))  # what is imported or cached the first time is not what is asked
        found: list[str] = []
        with _watched(found):
            list(connector.parse(raw, context))
        expect(not found, f"{sample.name}: parse is not pure: {'; '.join(sorted(set(found)))}")

    def test_parse_changes_nothing_it_is_given(self, sample: Sample) -> None:
        """Settings, headers and context are afterwards what they were."""
        settings = copy.deepcopy(self.subject.settings)
        connector, raw, context = self.subject.connector(), self.subject.raw(sample), self.subject.context
        headers = dict(raw.headers)
        list(connector.parse(raw, context))
        expect(connector.settings == settings, f"{sample.name}: parse changed the settings")
        expect(dict(raw.headers) == headers, f"{sample.name}: parse changed the raw's headers")

    def test_parse_remembers_nothing(self) -> None:
        """An instance that has seen every sample makes of each what a new one does."""
        connector, context = self.subject.connector(), self.subject.context
        samples = self.subject.samples
        for sample in (*samples, *samples[::-1]):
            events = list(connector.parse(self.subject.raw(sample), context))
            expect(
                events == self.subject.parse(sample), f"{sample.name}: parse depends on what the instance parsed before"
            )


@contextmanager
def _watched(found: list[str]) -> Iterator[None]:
    """Note every call out of this thread's pure world. A profiler sees them whatever name they were imported by."""

    def watch(frame: FrameType, event: str, argument: Any) -> None:
        if event == "c_call":
            what = _impure(argument)
            if what is not None:
                found.append(f"{what} at {frame.f_code.co_filename.rsplit('/', 1)[-1]}:{frame.f_lineno}")
        elif event == "call" and frame.f_globals.get("__name__") in _IO_MODULES:
            found.append(f"{frame.f_globals['__name__']}.{frame.f_code.co_qualname}")

    former, collects = sys.getprofile(), gc.isenabled()
    gc.disable()  # whoever wants to know when garbage is collected would be noted too
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(former)
        if collects:
            gc.enable()


def _impure(function: Any) -> str | None:
    owner, name = getattr(function, "__self__", None), getattr(function, "__name__", "")
    if isinstance(owner, random.Random):
        return f"random.{name}"
    if isinstance(owner, socket.socket):
        return f"socket.{name}"
    if isinstance(owner, type) and issubclass(owner, date) and name in _NOW_NAMES:
        return f"{owner.__name__}.{name}"
    try:
        known = function in _CLOCKS or function in _SYSTEM
    except TypeError:  # a method of something unhashable
        return None
    return f"{getattr(function, '__module__', '')}.{name}" if known else None
