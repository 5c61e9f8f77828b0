"""Webhooks on their way to the daemon, in order, until it has taken them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping

import requests
from attrs import frozen

_AGAIN_S = 0.2
_TIMEOUT_S = 10.0


@frozen
class Delivery:
    """One webhook, signed as its vendor signs."""

    url: str
    body: bytes
    headers: Mapping[str, str]


class Deliveries:
    """A thread that brings them; what is refused or not answered is brought again."""

    def __init__(self) -> None:
        self._waiting: deque[Delivery] = deque()
        self._news = threading.Condition()
        self._session = requests.Session()
        self._session.trust_env = False  # loopback needs no proxy
        threading.Thread(target=self._run, name="deliveries", daemon=True).start()

    def add(self, *deliveries: Delivery) -> None:
        """Bring these too, in this order."""
        with self._news:
            self._waiting.extend(deliveries)
            self._news.notify()

    @property
    def undelivered(self) -> int:
        """How many were not taken yet."""
        return len(self._waiting)

    def _run(self) -> None:
        while True:
            with self._news:
                while not self._waiting:
                    self._news.wait()
                first = self._waiting[0]
            if self._taken(first):
                self._waiting.popleft()
            else:
                threading.Event().wait(_AGAIN_S)

    def _taken(self, one: Delivery) -> bool:
        try:
            return self._session.post(one.url, data=one.body, headers=dict(one.headers), timeout=_TIMEOUT_S).ok
        except requests.RequestException:
            return False
