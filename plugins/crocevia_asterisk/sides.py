"""Which side of a call is the customer: by where it came from, where it went, and the numbers. Pure."""

from __future__ import annotations

import re
from fnmatch import fnmatchcase

from attrs import frozen

from crocevia import ContactPoint, Party
from crocevia_asterisk.call import Call, Leg
from crocevia_asterisk.settings import Settings

OURS = "crocevia-"
"""Begins the ids of the channels that we originate."""

_NUMBER = re.compile(r"\+?[0-9]{3,}")
_HIDDEN = frozenset({"", "anonymous", "unknown", "<unknown>", "private", "restricted", "unavailable", "withheld"})


@frozen
class Sides:
    """Who speaks with whom.

    Attributes:
        direction: `"inbound"`, `"outbound"`, `"internal"`; `""` while it cannot be told.
        number: The customer's, without the dial plan's prefixes; `""`: hidden, or unknown.
        ours: Our end: the number that was called, or the extension that calls.
        leg: The customer's channel; None where he has none yet.
        name: What came with the customer's number; None where nothing useful did.
    """

    direction: str
    number: str = ""
    ours: str = ""
    leg: Leg | None = None
    name: str | None = None


def sides(call: Call, settings: Settings) -> Sides:
    """Tell the sides of a call as far as it has been heard."""
    first = call.first
    if first is None:
        return _by_cdr(call, settings)
    if first.dialled:
        return _originated(call, first, settings)
    if not _is(first, settings.trunks):
        number = _outside(first.exten, settings)
        mine = _is(first, settings.phones) or _extension(first.number or _device(first), settings)
        to_trunk = [leg for leg in call.dialled if _is(leg, settings.trunks)]
        if mine or to_trunk or (number and first.exten not in settings.own_numbers and _dialled(call, number)):
            return _from_us(call, first, number, to_trunk, settings)
    return Sides("inbound", _caller(first.number, settings), first.exten, first, _name(first, settings))


def _from_us(call: Call, first: Leg, number: str, to_trunk: list[Leg], settings: Settings) -> Sides:
    ours = first.number if _extension(first.number, settings) else _device(first)
    if not number and to_trunk:
        number = next((found for leg in to_trunk if (found := _in(leg.dial_string, settings))), "")
    if not number:
        return Sides("internal", first.exten, ours, next(iter(call.dialled), None))
    return Sides("outbound", number, ours, _reached(to_trunk or _dialled(call, number) or call.dialled))


def _originated(call: Call, first: Leg, settings: Settings) -> Sides:
    """The exchange called first: the customer, or a telephone of ours that then goes on to him."""
    number = _in(first.dial_string, settings)
    if number and not _is(first, settings.phones):
        return Sides("outbound", number, first.exten, first)
    if _is(first, settings.trunks) and first.number:
        return Sides("outbound", _caller(first.number, settings), first.exten, first)
    if not first.exten and not call.over:
        return Sides("")
    number = _outside(first.exten, settings)
    if not number:
        return Sides("internal", first.exten, _device(first), next(iter(call.dialled), None))
    to_trunk = [leg for leg in call.dialled if _is(leg, settings.trunks)]
    return Sides("outbound", number, _device(first), _reached(to_trunk or call.dialled))


def _by_cdr(call: Call, settings: Settings) -> Sides:
    """Of a call that nobody heard."""
    if not call.cdrs:
        return Sides("")
    row = call.cdrs[0]
    made = Call(call.id)
    caller = Leg("caller", 0.0, row.get("Channel", ""), row.get("DestinationContext", ""), row.get("Destination", ""))
    caller.number, caller.name = row.get("Source", ""), row.get("CallerID", "").partition("<")[0].strip(' "')
    made.legs["caller"] = caller
    if row.get("DestinationChannel"):
        called = Leg("called", 0.0, row["DestinationChannel"], dialled=True, dial_string=row["DestinationChannel"])
        made.legs["called"] = called
    return sides(made, settings)


def _reached(legs: list[Leg]) -> Leg | None:
    """The one that answered; else the last that was tried."""
    return next((leg for leg in legs if leg.up_at is not None), legs[-1] if legs else None)


def _dialled(call: Call, number: str) -> list[Leg]:
    """Legs that were called by this number."""
    return [leg for leg in call.dialled if number.removeprefix("+") in leg.dial_string]


def _is(leg: Leg, patterns: tuple[str, ...]) -> bool:
    return any(fnmatchcase(leg.channel, pattern) or fnmatchcase(leg.context, pattern) for pattern in patterns)


def _device(leg: Leg) -> str:
    """`"201"` of `"PJSIP/201-0000002a"`."""
    return leg.endpoint.rpartition("/")[2].partition("@")[0]


def _extension(number: str, settings: Settings) -> bool:
    return number.isdigit() and len(number) <= settings.extension_digits


def _outside(called: str, settings: Settings) -> str:
    """A number outside that was called, without the prefix for getting there; `""` when it is none."""
    stripped = called.removeprefix(settings.outside_prefix)
    if not stripped.removeprefix("+").isdigit() or _extension(called, settings):
        return ""
    return called if _extension(stripped, settings) else stripped


def _in(dial_string: str, settings: Settings) -> str:
    """The outside number in a dial string (`"+39051234567@trunk"`, `"trunk/0039051234567"`); `""`: there is none."""
    for part in re.split(r"[@/:,;]", dial_string):
        if _NUMBER.fullmatch(part) and not _extension(part, settings):
            return part
    return ""


def _caller(number: str, settings: Settings) -> str:
    """The number of who calls; `""` when it is hidden."""
    if number.lower() in _HIDDEN:
        return ""
    prefix = settings.caller_prefix
    return number.removeprefix(prefix) if prefix and len(number) > len(prefix) else number


def _name(leg: Leg, settings: Settings) -> str | None:
    """The name that came with the number: a hint, often the number again or nothing."""
    name = leg.name.strip()
    useful = any(map(str.isalpha, name)) and name.lower() not in _HIDDEN
    return name if settings.caller_names and useful else None


def customer(told: Sides, settings: Settings) -> Party:
    """The customer; a party without points when he hides his number."""
    if told.direction == "internal":
        return extension(told.number, settings)
    if not told.number:
        return Party(name=told.name)
    verified = settings.trust_caller_id or told.direction == "outbound"
    if _NUMBER.fullmatch(told.number):
        return Party((ContactPoint("phone", "", told.number, verified=verified),), name=told.name)
    return Party((ContactPoint("sip", "", told.number, verified=False),), name=told.name)


def us(told: Sides, settings: Settings) -> Party:
    """Our end: an extension, or one of our numbers."""
    if _NUMBER.fullmatch(told.ours) and not _extension(told.ours, settings):
        return Party((ContactPoint("phone", "", told.ours),))
    return extension(told.ours, settings)


def extension(number: str, settings: Settings) -> Party:
    """Somebody inside."""
    points = (ContactPoint("asterisk", settings.scope, number, verified=False),) if number else ()
    return Party(points, name=number or None)
