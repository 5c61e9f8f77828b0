"""What was kept of visitors' calls, as events.

A raw is `{"events": [...]}`; each has `type` (`"message"`, `"identified"`, `"status"`), and what the server knew
when it was posted: `site`, `visitor`, and `at` in milliseconds by the daemon's clock.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crocevia import (
    ContactPoint,
    Event,
    InteractionSeen,
    ParseContext,
    Party,
    PartyIdentified,
    StatusReported,
    Unrecognised,
)
from crocevia.errors import MalformedError
from crocevia_webchat import text
from crocevia_webchat.identity import Identity, points

KIND = "webchat"
USER = "site_user"
"""Kind of the id that the site itself has given to its user."""
STATUSES = ("delivered", "read")


def event(leaf: Any, pointer: str, context: ParseContext) -> Event:
    """What one leaf says."""
    kind = leaf.get("type") if isinstance(leaf, dict) else None
    try:
        match kind:
            case "message":
                return _message(leaf, pointer, context)
            case "identified":
                return _identified(leaf, pointer, context)
            case "status" if leaf.get("status") in STATUSES:
                at, of = context.from_ms(leaf["at"]), _known(leaf["of"])
                return StatusReported(of=of, status=leaf["status"], at=at, leaf=pointer)
            case _:
                return Unrecognised(what="an event of unknown type", leaf=pointer)
    except (KeyError, TypeError, MalformedError):
        return Unrecognised(what=f"an event of type {kind} that lacks what each of them has", leaf=pointer)


def _message(leaf: Mapping[str, Any], pointer: str, context: ParseContext) -> InteractionSeen:
    visitor = _known(leaf["visitor"])
    contact = leaf.get("contact") or {}
    shown = [_visitor(leaf)]
    for kind, most in (("email", 320), ("phone", 40)):  # as somebody has typed them who may be anybody
        value = text.short(contact.get(kind), most)
        if value:
            shown.append(ContactPoint(kind, "", value, verified=False, shown=value))
    return InteractionSeen(
        key=f"{visitor}:{_known(leaf['id'])}",
        author=Party(shown, name=text.short(contact.get("name"), 200), language=text.language(leaf.get("language"))),
        conversation=visitor,
        at=context.from_ms(leaf["at"]),
        text=text.clean(_known(leaf["text"])),
        leaf=pointer,
    )


def _identified(leaf: Mapping[str, Any], pointer: str, context: ParseContext) -> PartyIdentified:
    identity = Identity.of(leaf["identity"])
    site = _known(leaf["site"])
    shown = [_visitor(leaf), *(ContactPoint(KIND, site, _known(one)) for one in leaf.get("was") or ())]
    shown += [ContactPoint(USER, site, _known(identity.subject))]
    shown += [ContactPoint(kind, "", value, verified=proven, shown=value) for kind, value, proven in points(identity)]
    return PartyIdentified(
        key=f"{_known(leaf['visitor'])}:{_known(leaf['id'])}:{leaf['at']}",  # what is told again later may undo another
        party=Party(shown, name=identity.name, language=text.language(leaf.get("language"))),
        at=context.from_ms(leaf["at"]),
        leaf=pointer,
    )


def _visitor(leaf: Mapping[str, Any]) -> ContactPoint:
    """The browser or app: its token, which the daemon has signed, proves that it is the same one."""
    return ContactPoint(KIND, _known(leaf["site"]), _known(leaf["visitor"]))


def _known(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError("a text is missing")
    return value
