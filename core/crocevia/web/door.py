"""One connection's entrance for webhooks, with everything about it that does not change between requests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

import structlog
from attrs import frozen

from crocevia.connector import Connector, ReceivesWebhooks
from crocevia.signatures import Request
from crocevia.web.reply import Reply, reply

_log = structlog.get_logger("crocevia.web")


@frozen
class Door:
    """Made once per connection.

    Attributes:
        challenge: None where the connector has no handshake of its own.
        answer: None where a plain 200 does.
        kept: Lower-case names of the headers that go into the journal.
    """

    name: str
    kind: str
    verify: Callable[[Request, datetime, Mapping[str, bytes]], None]
    challenge: Callable[[Request], str | None] | None
    answer: Callable[[Request], tuple[bytes, str]] | None
    kept: tuple[str, ...]
    accepted: Reply

    @classmethod
    def to(cls, name: str, connector: Connector[Any]) -> Door | None:
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
        )

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
