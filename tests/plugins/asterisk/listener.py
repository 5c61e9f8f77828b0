"""Who listens to an exchange, as the daemon does."""

import json
import threading
import time
from typing import Any

from crocevia import Event, RawPage
from crocevia.errors import RemoteError
from crocevia_asterisk import Asterisk
from crocevia_asterisk.reading import events


class Listener:
    """Listens in a thread, as the daemon does; keeps pages, and the error that ended it."""

    def __init__(self, connector: Asterisk, cursor: str | None = None) -> None:
        self._settings = connector.settings
        self.pages: list[RawPage] = []
        self.error: RemoteError | None = None
        self.stop = threading.Event()
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, args=(connector, cursor), daemon=True)
        self._thread.start()

    def _run(self, connector: Asterisk, cursor: str | None) -> None:
        try:
            for page in connector.listen(cursor, self.stop):
                with self._news:
                    self.pages.append(page)
                    self._news.notify_all()
        except RemoteError as error:
            self.error = error

    def ready(self) -> None:
        """Wait until it listens: the first page keeps where, when there is none before."""
        with self._news:
            assert self._news.wait_for(lambda: self.pages or self.error, 10), "it does not listen"

    def told(self, leaves: int) -> list[dict[str, Any]]:
        """Leaves, as soon as there are so many."""
        with self._news:
            assert self._news.wait_for(lambda: len(self._leaves()) >= leaves, 15), self._leaves()
        return self._leaves()

    def _leaves(self) -> list[dict[str, Any]]:
        return [leaf for page in self.pages if page.body for leaf in json.loads(page.body).get("calls", [])]

    def end(self) -> float:
        """Stop; return after how many seconds it had."""
        began = time.monotonic()
        self.stop.set()
        self._thread.join(5)
        return time.monotonic() - began

    def events(self, leaves: int) -> list[Event]:
        """What so many leaves mean, as soon as they are told."""
        return list(events({"calls": self.told(leaves)}, self._settings))

    def broken(self) -> RemoteError:
        """The error that ended it."""
        self._thread.join(10)
        assert self.error is not None
        return self.error
