"""The connector under test, and how the suite makes instances of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import attrs
from attrs import frozen

from crocevia.config.secrets import Secrets
from crocevia.config.structure import Reader
from crocevia.connector import Connector, Listens, Polls, ReadsRecords, ReceivesWebhooks, SendsMessages
from crocevia.errors import ConfigError
from crocevia.http import Http
from crocevia.model import Event, InteractionSeen, Message, ParseContext, Raw, RawPage
from crocevia.secret import Secret
from crocevia.signatures import Request
from crocevia.testing.clock import FakeClock
from crocevia.testing.peer import Peer
from crocevia.testing.suite.sample import Sample

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
URL = "https://crocevia.example/hooks/suite"
Sign = Callable[[bytes, Any], Mapping[str, str]]
Leaves = Callable[[Raw], list[str]]
Tier = Literal["bronze", "silver", "gold"]
TIERS: tuple[Tier, ...] = ("bronze", "silver", "gold")


def expect(holds: object, message: str) -> None:
    """Fail the test with a message for the connector's author. Raises AssertionError."""
    if not holds:
        raise AssertionError(message)


@frozen(kw_only=True)
class Subject:
    """What an author gave to `connector_suite`."""

    connector_class: type[Connector[Any]]
    samples_path: Path
    settings: Any
    sign: Sign | None
    leaves_of: Leaves | None
    crm: Callable[[], Connector[Any]] | None
    keys: Mapping[str, bytes]
    region: str | None
    peer: Callable[[Any, FakeClock], Peer] | None = None
    tier: Tier = "bronze"

    @contextmanager
    def at_peer(self) -> Iterator[tuple[Peer, Connector[Any]]]:
        """A vendor account of its own, and a connector that speaks with it."""
        if self.peer is None:
            msg = "silver and gold need peer=, the vendor's side"
            raise ConfigError(msg)
        peer = self.peer(self.settings, FakeClock(NOW))
        try:
            yield peer, peer.connector(self.connector_class)
        finally:
            peer.close()

    def message(self, peer: Peer, text: str) -> Message | None:
        """A message to send: the peer's, or one to the first customer whom a sample shows; None: there is none."""
        made = peer.message(text)
        if made is not None:
            return made
        customers = (
            event
            for sample in self.samples
            for event in self.parse(sample)
            if isinstance(event, InteractionSeen) and event.author.points and event.direction == "inbound"
        )
        found = next(customers, None)
        if found is None:
            return None
        connector, to = self.connector(), found.author.points[0]
        if isinstance(connector, SendsMessages) and not connector.carries("message"):
            return Message(id="suite-1", kind="call", to=to)
        return Message(id="suite-1", to=to, conversation=found.conversation, text=text, last_inbound_at=NOW)

    @property
    def samples(self) -> list[Sample]:
        """The samples, by name."""
        return Sample.all_in(self.samples_path, streams=self._has_streams)

    @property
    def _has_streams(self) -> bool:
        return issubclass(self.connector_class, ReadsRecords | Polls | Listens)

    def connector(self, *, settings: Any = None, http: Http | None = None) -> Connector[Any]:
        """A new instance, on a clock that stands still."""
        return self.connector_class(
            self.settings if settings is None else settings, connection="suite", http=http, clock=FakeClock(NOW)
        )

    def raw(self, sample: Sample, body: bytes | None = None) -> Raw:
        """The sample, or another body in its place, as the journal would keep it."""
        pushed = issubclass(self.connector_class, ReceivesWebhooks) and not sample.stream
        return Raw(
            connection="suite",
            kind=self.connector_class.kind,
            body=sample.body if body is None else body,
            received_at=NOW,
            headers=sample.headers,
            source="webhook" if pushed else "stream" if issubclass(self.connector_class, Listens) else "page",
            stream=sample.stream,
        )

    def told(self, connector: Connector[Any], told: bytes | Request | RawPage, stream: str = "") -> list[Event]:
        """What a connector makes of something that its peer told: a webhook, its body alone, or a page."""
        raw = Raw(
            connection="suite",
            kind=self.connector_class.kind,
            body=told if isinstance(told, bytes) else told.body,
            received_at=NOW,
            headers={} if isinstance(told, bytes) else _kept(connector, told),
            source="page" if isinstance(told, RawPage) else "webhook",
            stream=stream,
        )
        return list(connector.parse(raw, self.context))

    @property
    def context(self) -> ParseContext:
        """What `parse` may know besides the raw."""
        return ParseContext(now=NOW, region=self.region)

    def parse(self, sample: Sample, body: bytes | None = None) -> list[Event]:
        """What a new instance makes of it."""
        return list(self.connector().parse(self.raw(sample, body), self.context))

    def leaves(self, sample: Sample, body: bytes | None = None) -> list[str] | None:
        """The leaves counted without `parse`; None where each event is its own leaf."""
        raw = self.raw(sample, body)
        return self.leaves_of(raw) if self.leaves_of else self.connector().leaves(raw)

    @property
    def secrets(self) -> dict[str, str]:
        """Every secret among the settings, revealed, by name."""
        given = {name: getattr(self.settings, name) for name in attrs.fields_dict(type(self.settings))}
        return {name: value.reveal() for name, value in given.items() if isinstance(value, Secret)}

    def with_secrets(self, change: Callable[[str], str]) -> Any:
        """The settings with every secret changed."""
        changed = {name: Secret(change(value)) for name, value in self.secrets.items()}
        names = {attribute.name: attribute.alias or attribute.name for attribute in attrs.fields(type(self.settings))}
        return attrs.evolve(self.settings, **{names[name]: value for name, value in changed.items()})

    def request(self, body: bytes, headers: Mapping[str, str]) -> Request:
        """A webhook as the web server hands it over: names of headers in lower case."""
        return Request(
            method="POST", url=URL, headers={name.lower(): value for name, value in headers.items()}, body=body
        )


def _kept(connector: Connector[Any], told: Request | RawPage) -> Mapping[str, str]:
    """The headers that the journal keeps; `":query"` stands for the URL's query."""
    if isinstance(told, RawPage) or not isinstance(connector, ReceivesWebhooks):
        return told.headers
    found = {**told.headers, ":query": urlsplit(told.url).query}
    return {name: found[name] for name in connector.kept_headers() if found.get(name)}


def settings_from(cls: type[Any], given: Mapping[str, Any] | Any) -> Any:
    """Settings as `crocevia.toml` would give them; an instance is taken as it is.

    Raises:
        ConfigError: a setting is missing, unknown or of the wrong type.
    """
    if isinstance(given, cls):
        return given
    reader = Reader(Secrets(environ={}, folder=Path()))
    found = reader.read(given, cls, "settings")
    if reader.problems:
        raise ConfigError(*reader.problems)
    return found
