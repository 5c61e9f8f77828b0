"""The Asterisk Manager Interface: one logged-in connection.

Source: https://docs.asterisk.org/Configuration/Interfaces/Asterisk-Manager-Interface-AMI/ (Asterisk 22, 2026-11).
"""

from __future__ import annotations

import hashlib
import itertools
import select
import socket
import ssl
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from crocevia.errors import AuthError, OutcomeUnknownError, RejectedError, RetryableError
from crocevia_asterisk.packets import Packet, Packets, action, text_of
from crocevia_asterisk.settings import Settings

CONNECT_TIMEOUT_S = 5.0
ANSWER_TIMEOUT_S = 10.0
QUIET_S = 20.0
"""Asked whether it is still there when nothing was heard for so long; given up after as long again."""

EVENTS = "call,agent,cdr,dialplan"
_CHUNK = 64 * 1024
MOST_PACKETS = 500


class Ami:
    """A session. Use it as a context manager, from one thread.

    Args:
        connection: Named in errors.
        events: Which classes of events are wanted, `"off"` for none. More than the user may read are not told.

    Raises:
        RetryableError: the exchange cannot be reached, or does not answer.
        AuthError: it knows neither the user nor the secret, or not from here.
    """

    def __init__(self, settings: Settings, connection: str, *, events: str = EVENTS) -> None:
        self._settings = settings
        self._connection = connection
        self._events = events
        self._packets = Packets()
        self._kept: deque[Packet] = deque()
        self._ids = itertools.count(1)
        self._heard_at_s = self._asked_at_s = time.monotonic()

    def __enter__(self) -> Self:
        where = f"{self._settings.host}:{self._settings.port}"
        try:
            self._socket = socket.create_connection((self._settings.host, self._settings.port), CONNECT_TIMEOUT_S)
            if self._settings.tls:
                context = ssl.create_default_context()
                self._socket = context.wrap_socket(self._socket, server_hostname=self._settings.host)
        except OSError as error:
            said = f"{self._connection}: no exchange at {where} ({type(error).__name__}): is AMI enabled there?"
            raise RetryableError(said) from error
        try:
            self._socket.setblocking(False)
            self._greeted(where)
            self._login()
        except BaseException:
            self._socket.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind is None:
            with suppress(OSError):  # it is gone, which is what was wanted
                self._socket.send(action("Logoff"))
        self._socket.close()

    @property
    def version(self) -> str:
        """Of the protocol: `"11.0.0"` of Asterisk 22."""
        return self._packets.banner.rpartition("/")[2]

    def heard(self, timeout_s: float) -> list[Packet]:
        """Events, as soon as there are some; none when nothing came for so long.

        Raises:
            RetryableError: the connection broke, or the exchange is silent.
        """
        if not self._kept:
            self._receive(timeout_s)
        now = time.monotonic()
        if now - self._heard_at_s > 2 * QUIET_S:
            raise RetryableError(f"{self._connection}: the exchange does not answer any more")
        if now - max(self._heard_at_s, self._asked_at_s) > QUIET_S:
            self._asked_at_s = now
            self._send(action("Ping"))
        taken = [self._kept.popleft() for _ in range(min(len(self._kept), MOST_PACKETS))]
        return [packet for packet in taken if "Event" in packet]

    def ask(self, name: str, **headers: str | tuple[str, ...]) -> Packet:
        """Do an action and return its answer, `Response: Error` too; events that come meanwhile are kept.

        Raises:
            RejectedError: a header cannot be sent.
            RetryableError: nothing was sent.
            OutcomeUnknownError: it was sent, and no answer came.
        """
        id_ = headers.pop("ActionID", "") or f"crocevia/{next(self._ids)}"
        asked = action(name, ActionID=id_, **headers)
        self._send(asked)
        try:
            return self._await(lambda packet: "Response" in packet and text_of(packet, "ActionID") == id_)
        except RetryableError as error:
            raise OutcomeUnknownError(f"{self._connection}: {name} was sent and not answered") from error

    def listed(self, name: str, item: str) -> list[Packet]:
        """The items of an action that answers with a list of events.

        Raises:
            RetryableError: it was not answered.
            RejectedError: it is refused, to this user.
        """
        id_ = f"crocevia/{next(self._ids)}"
        self._send(action(name, ActionID=id_))
        found: list[Packet] = []
        others: list[Packet] = []
        while True:
            packet = self._await(lambda _: True)
            if text_of(packet, "ActionID") != id_:
                others.append(packet)
            elif text_of(packet, "Response") == "Error":
                told = text_of(packet, "Message")
                raise RejectedError(
                    f"{self._connection}: {name} is refused ({told}): write = reporting in manager.conf"
                )
            elif text_of(packet, "Event") == item:
                found.append(packet)
            elif text_of(packet, "EventList").lower() in ("complete", "cancelled"):
                self._kept.extendleft(reversed(others))
                return found

    # --- the line

    def _greeted(self, where: str) -> None:
        deadline = time.monotonic() + CONNECT_TIMEOUT_S
        while not self._packets.banner:
            if time.monotonic() > deadline:
                raise RetryableError(f"{self._connection}: what listens at {where} does not greet as AMI does")
            self._receive(0.2)

    def _login(self) -> None:
        user, secret = self._settings.user, self._settings.secret.reveal()
        if self._settings.login == "plain":
            answer = self._asked("Login", Username=user, Secret=secret, Events=self._events)
        else:
            challenge = text_of(self._asked("Challenge", AuthType="MD5"), "Challenge")
            # the protocol's own digest
            key = hashlib.md5((challenge + secret).encode(), usedforsecurity=False).hexdigest()
            answer = self._asked("Login", AuthType="MD5", Username=user, Key=key, Events=self._events)
        if text_of(answer, "Response") != "Success":
            where = "user, secret, and permit in manager.conf"
            raise AuthError(f"{self._connection}: the exchange refuses user {user!r}: look at {where}")

    def _asked(self, name: str, **headers: str) -> Packet:
        try:
            return self.ask(name, **headers)
        except OutcomeUnknownError as error:
            raise RetryableError(f"{self._connection}: the exchange hung up while we logged in") from error

    def _await(self, wanted: Callable[[Packet], bool]) -> Packet:
        """The first packet that is wanted; the others stay, in order."""
        deadline = time.monotonic() + ANSWER_TIMEOUT_S
        looked: deque[Packet] = deque()
        while True:
            while self._kept:
                packet = self._kept.popleft()
                if wanted(packet):
                    self._kept.extendleft(reversed(looked))
                    return packet
                looked.append(packet)
            if time.monotonic() > deadline:
                raise RetryableError(f"{self._connection}: the exchange does not answer")
            self._receive(0.2)

    def _send(self, data: bytes) -> None:
        try:
            self._socket.setblocking(True)
            self._socket.settimeout(CONNECT_TIMEOUT_S)
            self._socket.sendall(data)
            self._socket.setblocking(False)
        except OSError as error:
            raise RetryableError(f"{self._connection}: the connection to the exchange broke") from error

    def _receive(self, timeout_s: float) -> None:
        try:
            pending = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending()
            if not pending and not select.select([self._socket], [], [], timeout_s)[0]:
                return
            data = self._socket.recv(_CHUNK)
        except (ssl.SSLWantReadError, BlockingIOError):
            return
        except OSError as error:
            raise RetryableError(f"{self._connection}: the connection to the exchange broke") from error
        if not data:
            raise RetryableError(f"{self._connection}: the exchange closed the connection")
        self._heard_at_s = time.monotonic()
        self._kept.extend(self._packets.feed(data))
