"""The mailbox as a stream: one page a mail, watched by IDLE."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from threading import Event as StopEvent

from attrs import define, field

from crocevia import RawPage
from crocevia_email.cursor import Cursor, Mark
from crocevia_email.large import Rebuilt
from crocevia_email.mailbox import Found, Mailbox, Selected
from crocevia_email.settings import Settings

_AT_ONCE = 100
_BYTES_AT_ONCE = 2_000_000
_READ_AGAIN = timedelta(days=7)
"""So much is read again of a folder whose UIDs are all new; what is known by its Message-ID comes to nothing."""


@define
class Stream:
    """Reads the folders of one mailbox from a cursor on.

    Attributes:
        wait: Waits so many seconds, or until the event is set.
        today: By our clock, in UTC.
    """

    mailbox: Mailbox
    settings: Settings
    cursor: Cursor
    wait: Callable[[StopEvent, float], object]
    monotonic_s: Callable[[], float]
    today: Callable[[], date]
    _kept: str = field(default="", init=False)

    def pages(self, stop: StopEvent) -> Iterator[RawPage]:
        """What is there, then what comes, until `stop` is set."""
        first = self.settings.all_folders[0]
        has_idle = self.mailbox.has_idle
        while not stop.is_set():
            for folder in self.settings.all_folders:
                yield from self._new(folder, stop)
                if stop.is_set():
                    return
            if not has_idle:
                self.wait(stop, self.settings.look_seconds)
                continue
            said = self._open(first)
            # what came since the look above shows here; what comes from here on, IDLE tells
            if said.next_uid is None or self.cursor.is_at_end(first, said):
                self.mailbox.idle(self.settings.look_seconds, stop, self.monotonic_s)

    def _open(self, folder: str) -> Selected:
        return self.mailbox.select(folder, writable=self.settings.mark_seen)

    def _new(self, folder: str, stop: StopEvent) -> Iterator[RawPage]:
        """The mails of one folder that were not read yet, oldest first."""
        said = self._open(folder)
        if self.cursor.is_at_end(folder, said):
            return
        before = self.cursor.marks.get(folder)
        mark, uids = self._listed(before, said)
        self.cursor = self.cursor.at(folder, mark)
        for start in range(0, len(uids), _AT_ONCE):
            yield from self._read(folder, self.mailbox.facts(uids[start : start + _AT_ONCE]), stop)
            if stop.is_set():
                return
        read = self.cursor.marks[folder]
        end = Mark(said.validity, max(read.uid, *uids[-1:], (said.next_uid or 1) - 1), read.day)
        self.cursor = self.cursor.at(folder, end)
        if self.cursor.text != self._kept:
            yield self._page(b"")  # no mail; but so far it was read

    def _page(self, body: bytes, headers: Mapping[str, str] | None = None) -> RawPage:
        self._kept = self.cursor.text
        return RawPage(body=body, cursor=self._kept, more=bool(body), headers=headers or {})

    def _listed(self, mark: Mark | None, said: Selected) -> tuple[Mark, list[int]]:
        """Where reading starts, and the mails behind it."""
        if mark is not None and mark.validity == said.validity:
            return mark, self.mailbox.since(mark.uid)
        today = self.today()
        if mark is None and not self.settings.history_days:
            newest = said.next_uid - 1 if said.next_uid else max(self.mailbox.since(0), default=0)
            return Mark(said.validity, newest, today), []
        # the first look, or the server has numbered its mails anew (RFC 9051, 2.3.1.1)
        day = today - timedelta(days=self.settings.history_days) if mark is None else mark.day - _READ_AGAIN
        return Mark(said.validity, 0, day), self.mailbox.since_day(day)

    def _read(self, folder: str, found: Sequence[Found], stop: StopEvent) -> Iterator[RawPage]:
        for group in _groups(found, self.settings.whole_bytes):
            is_large = group[0].size_bytes > self.settings.whole_bytes
            bodies = {} if is_large else self.mailbox.bodies([one.uid for one in group])
            for one in group:
                if stop.is_set():
                    return
                rebuilt = Rebuilt(self.mailbox, one.uid, self.settings.whole_bytes)
                body = rebuilt.body() if is_large else bodies.get(one.uid)
                read = self.cursor.marks[folder]
                day = one.arrived_at.date() if one.arrived_at else read.day
                self.cursor = self.cursor.at(folder, Mark(read.validity, one.uid, max(day, read.day)))
                if body is None:
                    continue  # deleted since it was listed
                headers = _headers(folder, read.validity, one, rebuilt.omitted)
                yield self._page(body, headers)
                if self.settings.mark_seen and folder not in self.settings.sent_folders:
                    self.mailbox.mark_seen(one.uid)  # it is kept: the core has come back for the next


def _headers(folder: str, validity: int, one: Found, omitted: dict[str, int]) -> dict[str, str]:
    """What `parse` needs beside the mail."""
    headers = {"imap-folder": folder, "imap-validity": str(validity), "imap-uid": str(one.uid)}
    if one.arrived_at is not None:
        headers["imap-arrived"] = one.arrived_at.isoformat()
    if omitted:
        headers["imap-omitted"] = json.dumps(omitted)
    return headers


def _groups(found: Sequence[Found], whole_bytes: int) -> Iterator[list[Found]]:
    """Mails to fetch by one command, in order: as many as are small together, a large one alone."""
    group: list[Found] = []
    for one in found:
        size = sum(other.size_bytes for other in group)
        is_large = one.size_bytes > whole_bytes
        if group and (is_large or group[-1].size_bytes > whole_bytes or size + one.size_bytes > _BYTES_AT_ONCE):
            yield group
            group = []
        group.append(one)
    if group:
        yield group
