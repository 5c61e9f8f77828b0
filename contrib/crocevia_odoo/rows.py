"""Rows of Odoo's API to remote values and back; nothing here calls anybody."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from crocevia import FieldSchema

PARTNER = "res.partner"
MESSAGE = "mail.message"
CATEGORY = "res.partner.category"
TAGS = "category_id"
KEY = "crocevia_key"
"""Our key among the remote values. No field of Odoo's: it is kept as an external id, see `registry`."""

_STAMP = "%Y-%m-%d %H:%M:%S"
# Read with every row, wanted or not: when and by whom it was changed, and what tells a customer from other contacts.
_BOOKKEEPING = ("id", "write_date", "write_uid")
_TELLING = {PARTNER: ("active", "type", "partner_share"), MESSAGE: ("message_type", "author_id")}
OWN_COMPANY = "own_company"
"""Among a contact's remote values: whether it is the address of the company that runs this Odoo."""


def names_to_read(model: str, fields: Iterable[str]) -> list[str]:
    """The names that Odoo's `search_read` wants for these remote fields, bookkeeping among them."""
    names = (*_BOOKKEEPING, *_TELLING[model], *fields)
    return [name for name in dict.fromkeys(names) if name not in (KEY, OWN_COMPANY)]


def remote_values(row: Mapping[str, Any], schema: Mapping[str, FieldSchema], tags: Mapping[int, str]) -> dict[str, Any]:
    """`{remote field: value}` of a row: links as text ids, tags as their names, times as ISO 8601 in UTC."""
    return {
        name: sorted({tags[id_] for id_ in value if id_ in tags}) if name == TAGS else _value(value, schema[name].type)
        for name, value in row.items()
        if name not in _BOOKKEEPING
    }


def _value(value: Any, type_: str) -> Any:
    """Odoo says False for nothing, whatever the type."""
    if value is False or value is None:
        return False if type_ == "boolean" else None
    match type_:
        case "many2one":
            return str(value[0])
        case "many2one_reference":
            return str(value) if value else None
        case "many2many" | "one2many":
            return [str(id_) for id_ in value]
        case "datetime":
            return instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        case _:
            return value


def instant(stamp: str) -> datetime:
    """Odoo's times have no zone and are UTC, in whole seconds."""
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def stamp_of(moment: datetime) -> str:
    """A time as Odoo's API takes it."""
    return moment.astimezone(UTC).strftime(_STAMP)


def shifted(stamp: str, by: timedelta) -> str:
    """A stamp so much later."""
    return stamp_of(instant(stamp) + by)


def column(name: str, value: Any, field: FieldSchema, tags: Mapping[str, int]) -> tuple[str, str]:
    """Header and cell of one value in a table for Odoo's `load`, which takes texts; the inverse of `remote_values`.

    Raises:
        ValueError, TypeError, LookupError: the value is none of the field's type.
    """
    if field.type == "many2one" and isinstance(value, str) and "." in value:
        return f"{name}/id", value
    if field.type in ("many2one", "many2many"):
        ids = value if isinstance(value, (list, tuple)) else [] if value is None else [value]
        return f"{name}/.id", ",".join(str(tags[id_] if name == TAGS else int(id_)) for id_ in ids)
    return name, "" if value is None else _cell(value, field.type)


def _cell(value: Any, type_: str) -> str:
    match type_:
        case "boolean":
            return "1" if value else "0"
        case "datetime":
            return stamp_of(datetime.fromisoformat(value))
        case "integer" | "many2one_reference":
            return str(int(value))
        case _:
            return str(value)
