"""A real Tryton server as the peer of its connector: asked over the wire, with somebody who works in it."""

import atexit
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar
from unittest.mock import patch

import requests
from attrs import evolve

from crocevia import Connector, Secret
from crocevia.testing import Answered, Asked, CRMPeer, FakeClock
from crocevia_tryton import reading
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import TrytonServer, running_tryton

_MODELS = ("crocevia.interaction", "party.party")


@cache
def standing_server() -> TrytonServer:
    """One server as long as the tests: a database takes a minute to make."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crocevia-tryton-"))
    return stack.enter_context(running_tryton(Path(folder)))


class TrytonPeer(CRMPeer):
    """A database in which nothing is left of the test before; its pages are small."""

    without: ClassVar = {
        "latest_commit": "a transaction that is late cannot be arranged over RPC: tests/contrib/tryton/test_feed.py",
        "forget_field": "a field goes with a module's upgrade, while no server runs",
        "write delete": "its user may not delete: a person does",
        "garbled answer": "it is the server's own word",
    }
    troubles: ClassVar = {"throttled": Answered(status=429, headers={"Retry-After": "7"})}
    waits = timedelta(seconds=7)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.server = standing_server()
        self.person: Rpc = self.server.person()
        for model in _MODELS:
            self.person.call(f"model.{model}.delete", list(map(int, self.holds(model))))
        self._locked_out = False
        self._wire = requests.Session()
        self._seeded = 0
        self._small = patch.object(reading, "PAGE", 3)
        self._small.start()

    def close(self) -> None:
        """Give the pages their size again."""
        self._small.stop()
        self._wire.close()

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """One that logs in to it."""
        known = {"database": self.server.database, "user": self.server.user, "password": Secret(self.server.password)}
        made = super().connector(cls)
        return cls(evolve(self.settings, **known), connection="suite", http=made.http, clock=self.clock)

    def serve(self, asked: Asked) -> Answered:
        """Hand the call on to the server, unless it is to let nobody in."""
        if self._locked_out:
            return Answered(status=401)
        kept = {name: value for name, value in asked.headers.items() if name not in ("host", "content-length")}
        answer = self._wire.request(asked.method, self.server.url + asked.path, data=asked.body, headers=kept)
        return Answered(status=answer.status_code, body=answer.content)

    def fail_next(self, trouble: Any) -> None:
        """A session that ended is only renewed: nobody is let in any more."""
        self._locked_out = trouble == "unauthorised"
        if not self._locked_out:
            super().fail_next(trouble)

    def commits(self, asked: Asked) -> bool:
        """A create, or a write."""
        return str(asked.json()["method"]).endswith((".create", ".write"))

    def record(self, object_name: str, number: int) -> Mapping[str, Any]:
        """A party with its contact mechanisms, or something that was said."""
        if object_name == "crocevia.interaction":
            at = f"2026-11-{number % 28 + 1:02}T09:00:00.000Z"
            return {"body": f"said {number}", "direction": "inbound", "kind": "message", "occurred_at": at}
        reached = [["email", f"ada{number}@example.org"], ["mobile", f"+3934712345{number:02}"]]
        return {"name": f"Ada Rossi {number}", "contact_mechanisms": reached, "lang": "it"}

    def refused(self, object_name: str) -> Mapping[str, Any]:
        """What Tryton's own rules do not take."""
        if object_name == "crocevia.interaction":
            return {**self.record(object_name, 2), "direction": "sideways"}
        return {**self.record(object_name, 2), "contact_mechanisms": [["email", "ada@example.org"], ["telex", "1"]]}

    def holds(self, object_name: str) -> Sequence[str]:
        """By a search of its own."""
        return [str(found) for found in self.person.call(f"model.{object_name}.search", [])]

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> Sequence[str]:
        """Made in one transaction, and so with one stamp."""
        first, self._seeded = self._seeded, self._seeded + count
        rows: list[dict[str, Any]] = [{"name": "Bea"}] * count  # others of one name can be merged without a question
        if stream == "crocevia.interaction":
            said = {"direction": "inbound", "kind": "message"}
            rows = [{"key": f"seed-{number}", **said} for number in range(first, self._seeded)]
        return [str(found) for found in self.person.call(f"model.{stream}.create", rows)]

    def delete(self, object_name: str, id: str) -> None:
        """With the button."""
        self.person.call(f"model.{object_name}.delete", [int(id)])

    def merge(self, object_name: str, id: str, into: str) -> None:
        """With the wizard."""
        session, _, _ = self.person.call("wizard.party.replace.create")
        asked = {"ask": {"source": int(id), "destination": int(into)}}
        self.person.call("wizard.party.replace.execute", session, asked, "replace")
