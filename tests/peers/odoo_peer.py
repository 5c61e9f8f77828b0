"""A real Odoo as the peer of its connector: asked over the wire, with somebody who works in it."""

import atexit
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any, ClassVar

import requests
from attrs import evolve

from crocevia import Connector, Secret
from crocevia.testing import Answered, Asked, CRMPeer, FakeClock
from crocevia_odoo.server import OdooServer, running_odoo
from tests.peers.odoo_office import Clerk

_WRITES = (".create", ".write", ".load", ".unlink")


@cache
def standing_server() -> OdooServer:
    """One server as long as the tests."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="crocevia-odoo-", ignore_cleanup_errors=True))
    return stack.enter_context(running_odoo(Path(folder)))


class OdooPeer(CRMPeer):
    """An Odoo in which nothing is left of the test before but one contact, on whom messages are."""

    rest = timedelta(hours=1)
    without: ClassVar = {
        "delete mail.message": "a message that was deleted leaves no trace: it is noticed when it is written next",
        "settled": "Odoo's stamps are seconds: what changed in the last two is told again",
        "latest_commit": "a transaction that is late cannot be arranged over RPC: tests/contrib/odoo/test_feed.py",
        "forget_field": "a field goes with a module's upgrade, while no server runs",
        "garbled answer": "it is the server's own word",
        "throttled": "a server of one's own has no limit of calls",
    }

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.server = standing_server()
        self.clerk = Clerk(self.server.person())
        self.clerk.tidy()
        self._anchor = 0
        self._locked_out = False
        self._wire = requests.Session()

    def close(self) -> None:
        """Hang up."""
        self._wire.close()

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """One that logs in to it."""
        known = {"database": self.server.database, "user": self.server.user, "password": Secret(self.server.password)}
        made = super().connector(cls)
        return cls(evolve(self.settings, **known), connection="suite", http=made.http, clock=self.clock)

    def serve(self, asked: Asked) -> Answered:
        """Hand the call on to the server, unless it is to let nobody in."""
        if self._locked_out:
            return Answered(json={"jsonrpc": "2.0", "id": 1, "error": _DENIED})
        kept = {name: value for name, value in asked.headers.items() if name not in ("host", "content-length")}
        answer = self._wire.request(asked.method, self.server.url + asked.path, data=asked.body, headers=kept)
        headers = {"Date": answer.headers.get("Date", "")}
        return Answered(status=answer.status_code, body=answer.content, headers=headers)

    def fail_next(self, trouble: Any) -> None:
        """A password that was changed lets nobody in."""
        self._locked_out = trouble == "unauthorised"
        if not self._locked_out:
            super().fail_next(trouble)

    def commits(self, asked: Asked) -> bool:
        """A call that makes or changes records."""
        said = asked.json()["params"]
        return said["method"] == "execute_kw" and ".".join(said["args"][3:5]).endswith(_WRITES)

    def record(self, object_name: str, number: int) -> Mapping[str, Any]:
        """A contact, or something that was said to one."""
        if object_name == "mail.message":
            own = {"model": "res.partner", "message_type": "comment", "subtype_id": "mail.mt_note"}
            at = f"2026-11-{number % 28 + 1:02}T09:00:00.000Z"
            return {**own, "res_id": str(self._contact()), "body": f"<p>said {number}</p>", "date": at}
        reached = {
            "mobile": f"+3934712345{number:02}",
            "email": "ada@example.org",
        }  # else only an administrator merges them
        return {"name": f"Ada Rossi {number}", **reached}

    def refused(self, object_name: str) -> Mapping[str, Any]:
        """What Odoo's own rules do not take."""
        if object_name == "mail.message":
            return {**self.record(object_name, 2), "date": "not a date"}
        return {**self.record(object_name, 2), "lang": "xx_XX"}

    def holds(self, object_name: str) -> Sequence[str]:
        """By a search of its own."""
        if object_name == "mail.message":
            return [str(row["id"]) for row in self.clerk.messages("id")]
        return [str(row["id"]) for row in self.clerk.contacts() if row["id"] != self._anchor]

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> Sequence[str]:
        """Made in one transaction, or one after the other."""
        if stream == "mail.message":
            return [str(self.clerk.note(self._contact(), f"<p>noted {number}</p>")) for number in range(count)]
        rows = [{"name": "Bea"}] * count
        return [str(made) for made in self.clerk.rpc.call("res.partner", "create", rows)]

    def delete(self, object_name: str, id: str) -> None:
        """With the button."""
        self.clerk.rpc.call(object_name, "unlink", [int(id)])

    def merge(self, object_name: str, id: str, into: str) -> None:
        """With the wizard."""
        self.clerk.merge(int(id), int(into))

    def _contact(self) -> int:
        self._anchor = self._anchor or self.clerk.contact(name="Ada")
        return self._anchor


_DENIED = {
    "code": 200,
    "message": "Odoo Server Error",
    "data": {"name": "odoo.exceptions.AccessDenied", "message": "Access Denied", "arguments": ["Access Denied"]},
}
