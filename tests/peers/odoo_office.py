"""A real Odoo, somebody who works in it, and the crossroads around it: a channel and a second CRM."""

import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

import requests
from attrs import define, frozen

from crocevia import Http, Raw, Secret
from crocevia.store import journal
from crocevia.sync.lane import Lane
from crocevia.sync.world import World
from crocevia.testing import MemoryChannel, MemoryCRM
from crocevia_odoo.connector import Odoo, Settings
from crocevia_odoo.rpc import Rpc
from crocevia_odoo.server import OdooServer

_LONGEST_S = 120
_REST = 20
_WRITES = ("create", "write", "load", "unlink", "action_merge")
_MERGE = "base.partner.merge.automatic.wizard"


class Wire(requests.Session):
    """A session that keeps the names of the methods it called, and can lose an answer."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []
        self.lose: str | None = None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Keep the method's name and send the request."""
        asked = json.loads(request.body or b"")["params"]
        method = ".".join(asked["args"][3:5]) if asked["method"] == "execute_kw" else asked["method"]
        self.called.append(method)
        response = super().send(request, **kwargs)
        if method == self.lose:
            self.lose = None
            raise requests.ReadTimeout(request=request)
        return response

    @property
    def written(self) -> list[str]:
        """The calls that change something in Odoo."""
        return [method for method in self.called if method.rpartition(".")[2] in _WRITES]


@frozen
class Clerk:
    """Somebody who works in Odoo."""

    rpc: Rpc

    def contact(self, **values: Any) -> int:
        """Make a contact."""
        [made] = self.rpc.call("res.partner", "create", [values])
        return int(made)

    def edit(self, id_: int, **values: Any) -> None:
        """Change a contact."""
        self.rpc.call("res.partner", "write", [id_], values)

    def delete(self, *ids: int) -> None:
        """Delete contacts."""
        self.rpc.call("res.partner", "unlink", list(ids))

    def note(self, id_: int, html: str) -> int:
        """Log a note on a contact, as the chatter's button does."""
        said = {"body": html, "message_type": "comment", "subtype_xmlid": "mail.mt_note"}
        return int(self.rpc.call("res.partner", "message_post", [id_], **said))

    def merge(self, lost: int, kept: int) -> None:
        """Merge two contacts by Odoo's own wizard."""
        values = {"partner_ids": [[6, 0, [lost, kept]]], "dst_partner_id": kept, "state": "selection"}
        wizard = self.rpc.call(_MERGE, "create", values)
        self.rpc.call(_MERGE, "action_merge", [wizard])

    def contacts(self, *names: str) -> list[dict[str, Any]]:
        """Every customer, archived ones too: id and these fields, by id."""
        domain = [["partner_share", "=", True], ["id", ">", 7]]
        rows = self.rpc.search_read("res.partner", domain, ["id", *(names or ("name",))]).result
        return [{name: row[name] for name in ("id", *(names or ("name",)))} for row in rows]

    def messages(self, *names: str) -> list[dict[str, Any]]:
        """What was said in chatters, oldest first; without Odoo's own notices."""
        domain = [["model", "=", "res.partner"], ["message_type", "in", ["comment", "email"]]]
        rows = self.rpc.search_read("mail.message", domain, [*names, "res_id"]).result
        return [{name: row[name] for name in (*names, "res_id")} for row in rows]

    def tidy(self) -> None:
        """Leave nothing of what was done: contacts, their messages, tags."""
        if ids := [contact["id"] for contact in self.contacts()]:
            self.delete(*ids)
        self.rpc.call("res.partner.category", "unlink", self.rpc.call("res.partner.category", "search", []))


def connector(server: OdooServer, wire: requests.Session, **changes: Any) -> Odoo:
    """The connector, as Crocevia's user."""
    given = {"base_url": server.url, "database": server.database, "user": server.user, "password": server.password}
    settings = Settings(**{**given, **changes, "password": Secret(changes.get("password", server.password))})
    return Odoo(settings, connection="odoo", http=Http("odoo", new_session=lambda: wire))


@define
class Crossroads:
    """A channel, Odoo and a second CRM, worked by hand."""

    world: World
    chat: MemoryChannel
    second: MemoryCRM
    wire: Wire

    def settle(self, *, repeated: int = 1) -> None:
        """Run every lane until two rounds had nothing to write; each webhook is delivered `repeated` times.

        A call that failed is made again by itself, after a second or two by the real clock: then rest is longer.
        """
        lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]
        quiet, end = 0.0, time.monotonic() + _LONGEST_S
        while quiet < _REST:  # what one lane learns in a round, a lane that had its turn before writes in the next
            assert time.monotonic() < end, "it never comes to rest"
            before = len(self.second.mutations), len(self.chat.sent)
            news = self.deliver(repeated)
            self.wire.called.clear()
            for lane in lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            changed = self.wire.written or news or before != (len(self.second.mutations), len(self.chat.sent))
            unwell = any(lane.unwell for lane in lanes)
            quiet = 0.0 if changed else quiet + (1 if unwell else _REST / 2)
            if unwell:
                time.sleep(0.2)
        for lane in lanes:
            lane.release()

    def deliver(self, repeated: int = 1) -> int:
        """Journal what the channel has to say."""
        return self.journal("chat", [request.body for request in self.chat.requests()] * repeated, "webhook", "")

    def journal(self, connection: str, bodies: Sequence[bytes], source: Any, stream: str) -> int:
        """Journal raws, as they come."""
        kind, now = self.world.lives[connection].kind, self.world.clock.now()
        raws = [
            Raw(connection=connection, kind=kind, body=body, received_at=now, source=source, stream=stream)
            for body in bodies
        ]
        if raws:
            with self.world.store.writing() as transaction:
                journal.append(transaction, raws)
        return len(raws)

    def people(self, *names: str) -> list[Mapping[str, Any]]:
        """The second CRM's people: these fields, in the order in which they were made."""
        return [{name: one[name] for name in names} for one in self.second.records("Person").values()]
