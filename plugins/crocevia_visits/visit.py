"""One row of a till's as an event: a visit, a refund, a receipt taken back, a card linked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from attrs import frozen

from crocevia import (
    Attachment,
    ContactPoint,
    Event,
    InteractionCompleted,
    InteractionRemoved,
    InteractionSeen,
    Party,
    PartyIdentified,
    Unrecognised,
)
from crocevia_visits.rows import Row
from crocevia_visits.settings import Settings

_LONGEST_MINUTES = 7 * 24 * 60
_AMOUNTS = {
    ",": re.compile(r"[+-]?([0-9]{1,12}|[0-9]{1,3}(\.[0-9]{3}){1,3})(,[0-9]{1,4})?"),
    ".": re.compile(r"[+-]?([0-9]{1,12}|[0-9]{1,3}(,[0-9]{3}){1,3})(\.[0-9]{1,4})?"),
}
_AT_LEAST_CENTS = (-2, -3, -4)
_FIRST_YEAR, _LAST_YEAR = 1970, 2999


class UnreadableError(Exception):
    """A row says something that cannot be read; the text names the column, never what stands there."""


@frozen
class Visit:
    """A row, read.

    Attributes:
        key: The receipt's own: shop, till and number, with the day or year where numbers begin again.
        amount: None where none is told.
    """

    row: Row
    settings: Settings
    key: str
    at: datetime
    amount: Decimal | None


def event(row: Row, settings: Settings) -> Event:
    """What a row means."""
    if row.wrong:
        return Unrecognised(what=row.wrong, leaf=row.pointer)
    try:
        return _event(row, settings)
    except UnreadableError as error:
        return Unrecognised(what=str(error), leaf=row.pointer)


def _event(row: Row, settings: Settings) -> Event:
    said = row.said
    sort = said.get("type", "").lower()
    at = _at(row, settings)
    if sort in settings.links and "receipt" not in said and "of" not in said:
        return _identified(row, settings, at)
    own = said.get("receipt") or (said.get("of") if sort in (*settings.voids, *settings.links) else None)
    if own is None:
        raise UnreadableError("a row without the number of a receipt")
    visit = Visit(row, settings, _key(own, row, settings, at), at, _amount(row))
    if sort in settings.voids:
        of = _earlier(visit)
        return InteractionRemoved(key=f"{of}:void", of=of, at=at, leaf=row.pointer)
    if sort in settings.links:
        of, party = _earlier(visit), _somebody(row, settings)
        linked = ":".join(point.address for point in party.points)
        return InteractionCompleted(key=f"{of}:link:{linked}", of=of, at=at, author=party, leaf=row.pointer)
    refund = sort in settings.refunds
    if sort and not refund and sort not in settings.sales:
        raise UnreadableError("a type of row that is none of `sales`, `refunds`, `voids` and `links`")
    return _seen(visit, refund=refund)


def _seen(visit: Visit, *, refund: bool) -> InteractionSeen:
    said = visit.row.said
    what = "Refund" if refund else "Visit"
    place = ", ".join(part for part in (said.get("shop"), f"till {said['till']}" if "till" in said else None) if part)
    return InteractionSeen(
        key=visit.key,
        author=_party(visit.row, visit.settings),
        at=visit.at,
        kind="visit",
        subject=f"{what} at {place}" if place else what,
        text=", ".join(_told(visit)) or None,
        attachments=(_receipt(visit),),
        in_reply_to=_earlier(visit) if "of" in said else None,
        duration=_duration(said.get("minutes")),
        leaf=visit.row.pointer,
    )


def _told(visit: Visit) -> Iterator[str]:
    said = visit.row.said
    if visit.amount is not None:
        yield f"{visit.amount} {visit.settings.currency}"
    items = said.get("items")
    if items is not None:
        yield f"{items} items" if items.isdigit() and items != "1" else "1 item" if items == "1" else items


def _receipt(visit: Visit) -> Attachment:
    """The receipt by its number, for whoever looks it up; there is no file of it."""
    amount = None if visit.amount is None else f"{visit.amount} {visit.settings.currency}"
    return Attachment(kind="receipt", key=visit.key, name=visit.row.said.get("receipt"), detail=amount)


def _party(row: Row, settings: Settings) -> Party:
    """Who it was: nobody in particular, where no card was read and nothing was asked."""
    said = row.said
    points = []
    if "loyalty" in said:
        points.append(ContactPoint("loyalty", settings.programme, said["loyalty"], verified=settings.trusts_loyalty))
    points += [
        ContactPoint(kind, "", said[kind], verified=settings.trusts_contacts)
        for kind in ("email", "phone")
        if kind in said
    ]
    return Party(points, name=said.get("name") if points else None)


def _somebody(row: Row, settings: Settings) -> Party:
    party = _party(row, settings)
    if not party.points:
        raise UnreadableError("a card is linked, and neither its number nor anybody's address is told")
    return party


def _identified(row: Row, settings: Settings, at: datetime) -> Event:
    party = _somebody(row, settings)
    told = ":".join(point.address for point in party.points)
    return PartyIdentified(key=f"{told}@{at.isoformat()}", party=party, at=at, leaf=row.pointer)


# --- columns --------------------------------------------------------------------------------------------------------


def _key(receipt: str, row: Row, settings: Settings, at: datetime) -> str:
    """One receipt of one till of one shop; of one day or year, where its numbers begin again."""
    parts = [row.said.get("shop", ""), row.said.get("till", "")]
    if settings.receipts_restart != "never":
        day = at.astimezone(ZoneInfo(settings.time_zone)).date()
        parts.append(day.isoformat() if settings.receipts_restart == "daily" else str(day.year))
    return "/".join(part.replace("%", "%25").replace("/", "%2F") for part in (*parts, receipt))


def _earlier(visit: Visit) -> str:
    """The key of the receipt that this row is about: another one of the same till, or its own."""
    of = visit.row.said.get("of")
    return visit.key if of is None else _key(of, visit.row, visit.settings, visit.at)


def _at(row: Row, settings: Settings) -> datetime:
    written = " ".join(row.said[part] for part in ("date", "time") if part in row.said)
    if not written:
        raise UnreadableError("a row without a date")
    zone = ZoneInfo(settings.time_zone)
    found = _by_format(written, settings.date_formats)
    if found is None or not _FIRST_YEAR <= found.year <= _LAST_YEAR:
        raise UnreadableError("a date that is written in none of `date_formats`")
    return found if found.tzinfo else found.replace(tzinfo=zone)


def _by_format(written: str, formats: tuple[str, ...]) -> datetime | None:
    for one in formats:
        with suppress(ValueError):
            return datetime.strptime(written, one)  # noqa: DTZ007 - its zone is the till's, put in afterwards
    with suppress(ValueError):
        return datetime.fromisoformat(written)
    return None


def _amount(row: Row) -> Decimal | None:
    written = row.said.get("amount")
    if written is None:
        return None
    bare = re.sub(r"[\s'\u00a0\u202f]|EUR|[€$£]", "", written)
    bare = f"-{bare[:-1]}" if bare.endswith("-") else bare
    if not _AMOUNTS[row.decimal].fullmatch(bare):  # 49.90 where a comma stands before cents would be 4990
        raise UnreadableError("an amount that is not written as `decimal` says")
    found = Decimal(bare.replace("." if row.decimal == "," else ",", "").replace(",", "."))
    return found if found.as_tuple().exponent in _AT_LEAST_CENTS else found.quantize(Decimal("0.01"))


def _duration(minutes: str | None) -> timedelta | None:
    if minutes is None:
        return None
    try:
        found = float(minutes.replace(",", "."))
    except ValueError:
        found = -1.0
    if not 0 <= found <= _LONGEST_MINUTES:
        raise UnreadableError("minutes that are no length of a visit")
    return timedelta(minutes=found)
