"""Fixed, seeded traffic, and a world to put it through."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import frozen

from crocevia import (
    Connector,
    ContactPoint,
    Event,
    FieldSchema,
    ObjectSchema,
    Outcome,
    ParseContext,
    Raw,
    RawPage,
    ReadsRecords,
    Record,
    Secret,
    Write,
    WritesRecords,
    Written,
)
from crocevia.config import Options
from crocevia.identity import match, normalise
from crocevia.mapping import AS_IS, CODECS, Names, ObjectMapping, Plain, Reference, Slots
from crocevia.plugins import load_plugins
from crocevia.store import Store, open_store
from crocevia.sync import announce, pull
from crocevia.sync.world import World, live
from crocevia_meta.whatsapp import Settings, WhatsApp

SECRET = "benchmark secret"  # noqa: S105 - not one
CHANNEL, CRM = "whatsapp", "crm"
ANSWER = b'[{"id":"x","success":true}]'


def body(number: int, customer: int) -> bytes:
    """One WhatsApp webhook of about 600 bytes with one text message."""
    message = {
        "from": f"39333{customer:07d}",
        "id": f"wamid.{number:016d}",
        "timestamp": str(1_750_000_000 + number),
        "text": {"body": "Is this still available? I saw it in the window. " * 3},
        "type": "text",
    }
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": f"Customer {customer}"}, "wa_id": message["from"]}],
        "messages": [message],
    }
    change = {"value": value, "field": "messages"}
    return json.dumps({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [change]}]}).encode()


def signature(payload: bytes) -> str:
    """As Meta signs it."""
    return "sha256=" + hmac.new(SECRET.encode(), payload, hashlib.sha256).hexdigest()


@frozen
class Calls:
    """Settings of the CRM that only takes: where a batch is posted to; "" for nowhere."""

    base_url: str = ""


_PROFILE = ObjectMapping(
    object="Contact",
    of="profile",
    key="Key",
    revision="Revision",
    lenses=[
        Names(given="FirstName", family="LastName"),
        Slots(places={"MobilePhone": ("phone", "mobile"), "Email": ("email", "main")}),
    ],
)
_INTERACTION_FIELDS = (
    "connection",
    "channel",
    "direction",
    "kind",
    "at",
    "subject",
    "text",
    "conversation",
    "message_key",
    "status",
    "in_reply_to",
    "author",
)


def _interaction() -> ObjectMapping:
    plain = [
        Plain(name=name, field=name, direction="to crm", codec=CODECS["datetime"] if name == "at" else AS_IS)
        for name in _INTERACTION_FIELDS
    ]
    reference = Reference(field="Contact", object="Contact")
    return ObjectMapping(
        object="Interaction", of="interaction", key="Key", revision="Revision", lenses=[reference, *plain]
    )


class Sink(Connector[Calls], ReadsRecords, WritesRecords):
    """A CRM that takes 200 records a call over HTTP, and has none of its own."""

    kind = "sink"
    write_limit = 1000
    per_call = 200

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """It never tells anything."""
        return ()

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """A contact and an interaction, as wide as a small Salesforce mapping."""
        return (_PROFILE, _interaction())

    def describe(self, object_name: str) -> ObjectSchema:
        """Roomy text fields."""
        mapping = next(mapping for mapping in self.mappings() if mapping.object == object_name)
        fields = {name: FieldSchema(name=name, type="text", length=32_000) for name in mapping.remote_fields}
        return ObjectSchema(name=object_name, fields=fields)

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """Nothing."""
        return RawPage(body=b"", cursor="end")

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Nothing."""
        return []

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """Nothing."""
        return {}

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """One POST for each 200 records."""
        for start in range(0, len(batch), self.per_call):
            chunk = batch[start : start + self.per_call]
            self.http.request("POST", "/collections", json={"records": [one.values for one in chunk]}, idempotent=True)
        return [Written(id=one.id or one.key, created=one.id is None) for one in batch]


def world(folder: Path, crm_url: str) -> World:
    """WhatsApp in, the sink out, on SQLite; the sink's baseline is read."""
    store: Store = open_store(f"sqlite:///{folder}/crocevia.db")
    plugins = load_plugins(entry_points=(), builtin=(match, normalise))
    found = World(store, plugins.dispatcher, region="IT", alone=True)
    settings = Settings(
        phone_number_id="106540352242922",
        app_secret=Secret(SECRET),
        access_token=Secret("x"),
        verify_token=Secret("x"),
    )
    found.lives[CHANNEL] = live(CHANNEL, WhatsApp(settings, connection=CHANNEL), Options())
    found.lives[CRM] = live(CRM, Sink(Calls(base_url=crm_url), connection=CRM), Options())
    announce.enlist(found)
    pull.fit(found.lives[CRM])
    pull.pull(found, found.lives[CRM])
    return found


def figure(value: float, unit: str, floor: float | None = None) -> dict[str, Any]:
    """A figure beside its floor."""
    return {"value": value, "unit": unit, "floor": floor, "ratio": None if floor is None else value / floor}
