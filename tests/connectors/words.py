"""What a connector carries, both ways, in the words of the table: what its samples come to, and what it declares."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from crocevia.connector import Erases, MergesRecords, ReadsRecords, SendsMessages, WritesRecords
from crocevia.errors import MalformedError
from crocevia.model import (
    Capabilities,
    ConsentReported,
    Event,
    Ignored,
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Message,
    PartyIdentified,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    StatusReported,
    Unrecognised,
)
from crocevia.testing.suite.subject import Subject

_WORDS: dict[type[Any], str] = {
    InteractionRevised: "edits",
    InteractionRemoved: "removals",
    InteractionCompleted: "what is known later",
    StatusReported: "statuses",
    ConsentReported: "consent",
    PartyIdentified: "who somebody is",
    RecordDeleted: "deletions",
    RecordMerged: "merges",
}
_PLURALS = {"email": "e-mails", "reply": "replies"}


def from_vendor(subjects: Iterable[Subject]) -> list[str]:
    """What its samples came to: kinds of interaction (files among them), then everything else, then objects."""
    kinds: dict[str, None] = {}
    others: set[str] = set()
    objects: dict[str, None] = {}
    for event in _events(subjects):
        if isinstance(event, InteractionSeen):
            kinds[_plural(event.kind)] = None
            others |= {"files"} if event.attachments else set()
        elif isinstance(event, RecordChanged):
            objects[f"`{event.object}`"] = None
        elif type(event) in _WORDS:
            others.add(_WORDS[type(event)])
    order = ["files", *_WORDS.values()]
    return [*sorted(kinds), *sorted(objects), *sorted(others, key=order.index)]


def to_vendor(subject: Subject) -> list[str]:
    """What it declares that can be sent or written."""
    if subject.peer is not None and issubclass(subject.connector_class, SendsMessages):
        with subject.at_peer() as (peer, connector):
            return _declared(connector, peer.message("x"))
    return _declared(subject.connector(), None)


def _declared(connector: Any, message: Message | None) -> list[str]:
    found: list[str] = []
    if isinstance(connector, SendsMessages):
        found += ["calls"] if connector.carries("call") else []
        if connector.carries("message"):
            found += _sent(connector.capabilities(message.conversation if message else None))
    if isinstance(connector, ReadsRecords) and isinstance(connector, WritesRecords):
        found += [f"`{mapping.object}`" for mapping in connector.mappings()]
    found += ["merges"] if isinstance(connector, MergesRecords) else []
    return found + (["erasure"] if isinstance(connector, Erases) else [])


def _sent(declared: Capabilities) -> list[str]:
    more = {"files": declared.media, "choices": declared.buttons, "templates": declared.templates}
    return ["texts", *(name for name, has in more.items() if has)]


def _events(subjects: Iterable[Subject]) -> Iterable[Event]:
    for subject in subjects:
        for sample in subject.samples:
            try:
                found = subject.parse(sample)
            except MalformedError:
                continue
            yield from (event for event in found if not isinstance(event, Ignored | Unrecognised))


def _plural(kind: str) -> str:
    return _PLURALS.get(kind) or f"{kind}s"
