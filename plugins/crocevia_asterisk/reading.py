"""What a journaled raw means: calls that began, ended or were lost, and events nobody knows yet. Pure.

A raw is what the listener heard, in the exchange's own words: `{"calls": [{"type": "began" | "ended" | "status",
"linkedid": ..., "events": [...]}], "events": [...]}`; each call's story up to that moment, and whole events of names
that are not known. One leaf is one event of ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from crocevia import (
    Attachment,
    Event,
    Ignored,
    InteractionCompleted,
    InteractionSeen,
    ParseContext,
    Party,
    StatusReported,
    Unrecognised,
)
from crocevia.errors import MalformedError
from crocevia_asterisk.call import Call
from crocevia_asterisk.outcome import duration, outcome, summary
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.sides import OURS, Sides, customer, sides, us
from crocevia_asterisk.told import Told, from_wire

LEAF_PATHS = ("calls.*", "events.*")
_AUDIO = {".wav": "audio/wav", ".wav49": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg"}


def events(body: Any, settings: Settings) -> Iterator[Event]:
    """One event a leaf, in order.

    Raises:
        MalformedError: it is none of the listener's raws.
    """
    if not isinstance(body, dict) or not ({"calls", "events"} & body.keys()):
        raise MalformedError("no calls and no events: not what was heard from an exchange")
    for index, item in enumerate(_list(body, "calls")):
        yield _call(item, settings, f"/calls/{index}")
    for index, item in enumerate(_list(body, "events")):
        name = item.get("Event") if isinstance(item, dict) else None
        yield Unrecognised(what=f"event {name!r}" if isinstance(name, str) else "no event", leaf=f"/events/{index}")


def _list(body: dict[str, Any], name: str) -> list[Any]:
    found = body.get(name, [])
    if not isinstance(found, list):
        raise MalformedError(f"{name} is no list")
    return found


def story(item: Any) -> list[Told]:
    """The events of one call; what is none is left out."""
    found = item.get("events") if isinstance(item, dict) else None
    items = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
    return [told for one in items if (told := from_wire(one)) is not None]


def _call(item: Any, settings: Settings, leaf: str) -> Event:
    type_, id_ = (item.get("type"), item.get("linkedid")) if isinstance(item, dict) else (None, None)
    told = story(item)
    if not isinstance(id_, str) or not id_ or not told:
        return Unrecognised(what="a call without its events", leaf=leaf)
    ours = id_.startswith(OURS)
    if type_ not in ("began", "ended", *(("status",) if ours else ())):
        return Unrecognised(what="a call of which something else is told", leaf=leaf)
    call = Call.of(id_, told)
    found = sides(call, settings)
    if found.direction == "internal" and settings.internal == "ignore" and not ours:
        return Ignored(reason="a call between extensions", leaf=leaf)
    if type_ == "began":
        return _status(call, "sent", leaf) if ours else _seen(call, found, settings, leaf)
    return _completed(call, found, settings, leaf) if type_ == "ended" else _fared(call, found, leaf)


def _seen(call: Call, found: Sides, settings: Settings, leaf: str) -> Event:
    who, ours = customer(found, settings), us(found, settings)
    inbound = found.direction in ("inbound", "")
    internal = found.direction == "internal"
    return InteractionSeen(
        key=call.id,
        author=who if inbound else ours,
        recipients=(ours,) if inbound else (who,),
        direction="internal" if internal else "inbound" if inbound else "outbound",
        kind="call",
        at=ParseContext.from_s(round(call.began_at, 3)),
        leaf=leaf,
    )


def _completed(call: Call, found: Sides, settings: Settings, leaf: str) -> Event:
    ended = outcome(call, found)
    told = found.direction in ("inbound", "outbound") and not call.id.startswith(OURS)
    who = customer(found, settings) if told else Party()
    return InteractionCompleted(
        key=f"{call.id}:ended",
        of=call.id,
        at=ParseContext.from_s(round(call.last_at, 3)),
        duration=duration(call, found, ended),
        outcome=ended,
        text=summary(call, found),
        attachments=tuple(_recording(name) for name in call.recordings),
        author=who if who.points else None,
        leaf=leaf,
    )


def _recording(name: str) -> Attachment:
    path = PurePosixPath(name)
    return Attachment(kind="audio", key=name, name=path.name, mime_type=_AUDIO.get(path.suffix.lower()))


def _fared(call: Call, found: Sides, leaf: str) -> Event:
    """How a call that we were asked to make went: the agent's telephone and the customer's."""
    ended = outcome(call, found)
    first = call.first
    if first is not None and first.up_at is None and found.leg is not first:
        return _status(call, "failed", leaf, "the agent's telephone was not answered")
    if ended == "failed":
        return _status(call, "failed", leaf, "the exchange could not call the customer")
    return _status(call, "delivered", leaf)


def _status(call: Call, status: Any, leaf: str, detail: str | None = None) -> Event:
    at = ParseContext.from_s(round(call.last_at, 3))
    uid = call.id.removeprefix(OURS)
    return StatusReported(of=call.id, status=status, at=at, callback=uid, detail=detail, leaf=leaf)
