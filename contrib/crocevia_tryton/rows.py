"""Rows of Tryton's JSON-RPC to remote values and back; nothing here calls anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from crocevia import FieldSchema

PARTY = "party.party"
INTERACTION = "crocevia.interaction"
DELETION = "crocevia.deletion"
CONTACTS = "contact_mechanisms"
PHONE_TYPES = ("phone", "mobile")
CONTACT_TYPES = (*PHONE_TYPES, "email")
"""Contact mechanisms that are read and written; fax, website, SIP... are Tryton's own business."""

# Read with every row, wanted or not: version, merge, and who wrote.
_BOOKKEEPING = ("id", "_timestamp", "last_modified_at", "write_uid", "create_uid")
_MERGE = "replaced_by"
_TIME = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def names_to_read(object_name: str, fields: Iterable[str], schema: Mapping[str, FieldSchema]) -> list[str]:
    """The names that Tryton's `read` wants for these remote fields, bookkeeping among them.

    A link is read as its target's id, or as its code where it is a language.
    """
    names = [*_BOOKKEEPING[1:], *((_MERGE, "active") if object_name == PARTY else ())]
    for name in fields:
        if name == CONTACTS:
            names += [f"{CONTACTS}.{part}" for part in ("type", "value_compact", "active")]
        elif name in schema and schema[name].type == "many2one":
            names.append(f"{name}.code" if name == "lang" else f"{name}.id")
        else:
            names.append(name)
    return list(dict.fromkeys(names))


def remote_values(row: Mapping[str, Any]) -> dict[str, Any]:
    """`{remote field: value}` of a row: links as text ids, languages as codes, times as ISO 8601 in UTC."""
    return dict(_value(name, value) for name, value in row.items() if name not in (*_BOOKKEEPING, _MERGE))


def _value(name: str, value: Any) -> tuple[str, Any]:
    if name == f"{CONTACTS}.":
        return CONTACTS, contact_rows(row for row in value or () if row["active"])
    if name.endswith("."):
        return name[:-1], None if value is None else str(value.get("code", value["id"]))
    return name, _scalar(value)


def contact_rows(rows: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Sorted `[type, value]` of contact mechanisms of the types we keep, each once; numbers in E.164."""
    found = {(row["type"], row["value_compact"]) for row in rows if row["type"] in CONTACT_TYPES}
    return [list(row) for row in sorted(found)]


def _scalar(value: Any) -> Any:
    match value:
        case {"__class__": "datetime"}:
            return instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case {"__class__": "date", "year": year, "month": month, "day": day}:
            return date(year, month, day).isoformat()
        case {"__class__": "Decimal", "decimal": number}:
            return number
        case {"__class__": "timedelta", "seconds": seconds}:
            return seconds
        case _:
            return value


def instant(value: Mapping[str, Any]) -> datetime:
    """Tryton's times have no zone and are UTC."""
    return datetime(**{name: value[name] for name in _TIME}, tzinfo=UTC)


def to_datetime(moment: datetime) -> dict[str, Any]:
    """A time as Tryton's JSON wants it."""
    at = moment.astimezone(UTC)
    return {"__class__": "datetime", **{name: getattr(at, name) for name in _TIME}}


def to_tryton(value: Any, schema: FieldSchema, languages: Mapping[str, int]) -> Any:
    """A remote value as Tryton's `write` wants it; the inverse of `remote_values` for one field."""
    if value is None:
        return None
    match schema.type:
        case "many2one":
            return languages[value] if schema.name == "lang" else int(value)
        case "timestamp" | "datetime":
            return to_datetime(datetime.fromisoformat(value))
        case "date":
            day = date.fromisoformat(value)
            return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
        case "numeric":
            return {"__class__": "Decimal", "decimal": str(Decimal(str(value)))}
        case _:
            return value


def contact_changes(current: Iterable[Mapping[str, Any]], wanted: Iterable[Sequence[str]]) -> list[list[Any]]:
    """What to do to a party's contact mechanisms so that exactly `wanted` are active, of the types we keep.

    One that is not wanted is deactivated, as Tryton's own merge does: invoices may refer to it. One that comes
    back is activated again.
    """
    missing = {(row[0], row[1]) for row in wanted}
    off: list[int] = []
    on: list[int] = []
    for row in sorted(current, key=lambda row: not row["active"]):
        found = (row["type"], row["value_compact"])
        if found in missing:
            missing.discard(found)
            on += [] if row["active"] else [row["id"]]
        elif row["active"] and row["type"] in CONTACT_TYPES:
            off.append(row["id"])
    changes: list[list[Any]] = []
    if off:
        changes.append(["write", off, {"active": False}])
    if on:
        changes.append(["write", on, {"active": True}])
    if missing:
        changes.append(["create", [{"type": kind, "value": value} for kind, value in sorted(missing)]])
    return changes
