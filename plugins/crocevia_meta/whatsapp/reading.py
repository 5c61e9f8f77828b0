"""A WhatsApp delivery, leaf by leaf: one event, or one ignored or unrecognised, for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from crocevia import Event, Ignored, Unrecognised
from crocevia.errors import MalformedError
from crocevia_meta.envelope import Leaf, Shape, delivery
from crocevia_meta.node import Node, UnreadableError, label
from crocevia_meta.whatsapp import calls, messages, news, statuses
from crocevia_meta.whatsapp.parties import Number

OBJECT = "whatsapp_business_account"
_IN_A_VALUE: dict[str, Callable[[Leaf, Number], Event]] = {
    "messages.*": messages.received,
    "statuses.*": statuses.reported,
    "message_echoes.*": messages.echoed,
    "calls.*": calls.called,
    "history.*.threads.*.messages.*": messages.remembered,
    "history.*.errors.*": news.failed,
    "state_sync.*": news.listed,
    "user_preferences.*": news.preferred,
    "groups.*": news.grouped,
    "errors.*": news.failed,
}
_VALUE = "entry.*.changes.*.value."
_LEGACY = ("messages.*", "statuses.*", "errors.*")
_READERS = {f"{_VALUE}{path}": reader for path, reader in _IN_A_VALUE.items()}
_READERS |= {path: _IN_A_VALUE[path] for path in _LEGACY}
LEAF_PATHS = (*_READERS, "entry.*.messaging.*", "entry.*.standby.*")
"""Cloud API; the on-premises API's bodies, which are a bare value; and what a shared subscription brings of pages."""

_SHAPE = Shape(*LEAF_PATHS)
_NOBODY = Number({})


def leaves(body: object) -> list[Leaf]:
    """The leaves of a delivery.

    Raises:
        MalformedError: it is none of Meta's.
    """
    if isinstance(body, dict) and _is_legacy(body):
        return _SHAPE.leaves({name: body[name] for name in ("messages", "statuses", "errors") if name in body})
    return _SHAPE.leaves(delivery(body))


def events(body: object) -> Iterator[Event]:
    """What a decoded body tells, in the order of its leaves.

    Raises:
        MalformedError: it is no WhatsApp webhook at all.
    """
    found = leaves(body)
    assert isinstance(body, dict)  # noqa: S101 - `leaves` has raised for anything else
    if not found:
        yield Ignored(reason="an empty delivery")
    if body.get("object", OBJECT) != OBJECT:
        reason = f"of {label(body['object'])}, not of WhatsApp"
        yield from (Ignored(reason=reason, leaf=leaf.pointer) for leaf in found)
        return
    value: Node | None = None
    number = _NOBODY
    for leaf in found:
        # The numbers and contacts of a value serve all of its leaves, which come one after the other.
        around = leaf.around.get("value", body)
        if around is not value:
            value, number = around, Number(around)
        yield _event(leaf, number)


def _event(leaf: Leaf, number: Number) -> Event:
    if leaf.state == "bare":
        return news.bare(leaf)
    if leaf.state == "broken":
        return Unrecognised(what=f"{leaf.path} is of a wrong type", leaf=leaf.pointer)
    reader = _READERS.get(leaf.path)
    if reader is None:
        return Unrecognised(what=f"{leaf.path} in a delivery of WhatsApp", leaf=leaf.pointer)
    try:
        return reader(leaf, number)
    except (UnreadableError, MalformedError) as error:
        return Unrecognised(what=f"{leaf.path.split('.')[-2]}: {error}", leaf=leaf.pointer)


def _is_legacy(body: Node) -> bool:
    """Whether it is a body of the on-premises API: a value with no envelope, and no `messaging_product`."""
    if "entry" in body or "object" in body or "messaging_product" in body:
        return False
    return any(isinstance(body.get(name), list) for name in ("messages", "statuses", "errors"))
