"""One connection's entrance for webhooks, with everything about it that does not change between requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import structlog
from attrs import frozen

from crocevia.connector import Connector, ReceivesWebhooks
from crocevia.model import Raw
from crocevia.signatures import Request
from crocevia.web.reply import Reply, reply

QUERY = ":query"
"""Asked for in `kept_headers`, this is the query of the URL: what we gave the vendor to hand back. No header's name."""
_NONE: Mapping[str, str] = {}
_log = structlog.get_logger("crocevia.web")


@frozen
class Door:
    """Made once per connection.

    Attributes:
        challenge: None where the connector has no handshake of its own.
        answer: None where a plain 200 does.
        kept: Lower-case names of the headers that go into the journal.
        others: Connections for which each webhook is kept as well.
    """

    name: str
    kind: str
    verify: Callable[[Request, datetime, Mapping[str, bytes]], None]
    challenge: Callable[[Request], str | None] | None
    answer: Callable[[Request], tuple[bytes, str]] | None
    kept: tuple[str, ...]
    accepted: Reply
    others: tuple[Door, ...] = ()

    @classmethod
    def to(cls, name: str, connector: Connector[Any], others: tuple[Door, ...] = ()) -> Door | None:
        """The entrance to a connection; None where its connector takes no webhooks."""
        if not isinstance(connector, ReceivesWebhooks):
            return None
        own = type(connector)
        return cls(
            name=name,
            kind=connector.kind,
            verify=connector.verify,
            challenge=None if own.challenge is ReceivesWebhooks.challenge else connector.challenge,
            answer=None if own.answer is ReceivesWebhooks.answer else connector.answer,
            kept=tuple(connector.kept_headers()),
            accepted=reply(200, b""),
            others=others,
        )

    def raws(self, request: Request, now: datetime) -> list[Raw]:
        """What is kept of a webhook: its own raw, then one for each of the others."""
        return [door.raw(request, now) for door in (self, *self.others)]

    def raw(self, request: Request, now: datetime) -> Raw:
        """What is kept of a webhook for this connection alone."""
        headers = {name: request.headers[name] for name in self.kept if name in request.headers} if self.kept else _NONE
        if QUERY in self.kept:
            headers = {**headers, QUERY: urlsplit(request.url).query}
        return Raw(connection=self.name, kind=self.kind, body=request.body, received_at=now, headers=headers)

    def acknowledgement(self, request: Request) -> Reply:
        """The 200, as the vendor wants it. The webhook is kept already, whatever happens here."""
        if self.answer is None:
            return self.accepted
        try:
            body, content_type = self.answer(request)
            return reply(200, body, content_type)
        except Exception as error:  # noqa: BLE001 - a connector's bug must not ask again for what is kept
            _log.error("answer failed", connection=self.name, error=type(error).__name__)
            return self.accepted
