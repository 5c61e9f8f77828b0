"""Field values: from JSON or CSV to a column, as strict as the org, and back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from crocevia_salesforce.simulator import clock, ids
from crocevia_salesforce.simulator.errors import ApiError, refuse, refuse_row
from crocevia_salesforce.simulator.schema import Field

Column = str | int | float | None

_EMAIL = re.compile(r"[^\s@<>(),;:\"\[\]\\]+@[^\s@<>(),;:\"\[\]\\]+\.[^\s@<>(),;:\"\[\]\\.]{2,}\Z")
_TIME = re.compile(r"\d\d:\d\d:\d\d(?:\.\d{1,3})?Z?\Z")
_NUMBER = frozenset({"int", "double", "currency", "percent", "long"})
_JSON_KIND = {
    str: "VALUE_STRING",
    int: "VALUE_NUMBER_INT",
    float: "VALUE_NUMBER_FLOAT",
    dict: "START_OBJECT",
    list: "START_ARRAY",
}
_INT_MAX = 2**31 - 1


def to_column(field: Field, value: Any) -> Column:
    """Return what a column holds for a value that a client sent; None for null and for empty text.

    Raises:
        ApiError: The value is not of the field's type, or not one that the field takes.
    """
    if value is None or value == "":
        return _absent(field)
    if isinstance(value, (dict, list)):
        raise _unreadable(field, value)
    if field.type == "boolean":
        return _boolean(field, value)
    if field.type in _NUMBER:
        return _number(field, value)
    if field.type in {"date", "datetime", "time"}:
        return _moment(field, value)
    if field.type in {"id", "reference"}:
        return _reference(field, value)
    return _text(field, value)


def _absent(field: Field) -> Column:
    if field.type == "boolean":
        raise refuse_row("INVALID_TYPE_ON_FIELD_IN_RECORD", f"{field.label}: value not of required type: ", field.name)
    return None


def _unreadable(field: Field, value: Any) -> ApiError:
    kind = {True: "VALUE_TRUE", False: "VALUE_FALSE"}[value] if isinstance(value, bool) else _JSON_KIND[type(value)]
    shown = value if isinstance(value, (str, int, float)) else "{" if isinstance(value, dict) else "["
    wanted = "string" if field.is_text else field.type
    text = (
        f"Cannot deserialize instance of {wanted} from {kind} value {shown} or request may be missing a required field"
    )
    return refuse(400, "JSON_PARSER_ERROR", f"{text} at [line:1, column:1]")


def _boolean(field: Field, value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, str) and value.lower() in {"true", "false", "1", "0"}:
        return int(value.lower() in {"true", "1"})
    raise _unreadable(field, value)


def _number(field: Field, value: Any) -> Column:
    if isinstance(value, bool):
        raise _unreadable(field, value)
    try:
        number = float(value)
    except (ValueError, OverflowError) as error:
        raise _unreadable(field, value) from error
    if not math.isfinite(number):
        raise _unreadable(field, value)
    if field.type == "int":
        if number != int(number) or abs(number) > _INT_MAX:
            raise _unreadable(field, value)
        return int(number)
    whole = field.precision - field.scale
    if field.precision and abs(number) >= 10.0**whole:
        message = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise refuse_row("NUMBER_OUTSIDE_VALID_RANGE", message, field.name)
    return round(number, field.scale) if field.precision else number


def _moment(field: Field, value: Any) -> str:
    if not isinstance(value, str):
        raise _unreadable(field, value)
    try:
        if field.type == "date":
            return date.fromisoformat(value[:10] if "T" in value else value).isoformat()
        if field.type == "datetime":
            return clock.stamp(_datetime(value))
    except (ValueError, OverflowError) as error:
        raise _unreadable(field, value) from error
    if not _TIME.match(value):
        raise _unreadable(field, value)
    head, _, fraction = value.rstrip("Z").partition(".")
    return f"{head}.{fraction.ljust(3, '0')}Z"


def _datetime(text: str) -> Any:
    """Read a dateTime; a date alone is midnight, as the REST parser takes it."""
    if len(text) == 10:  # the length of an ISO date
        return clock.midnight(date.fromisoformat(text))
    return clock.parse_moment(text)


def _reference(field: Field, value: Any) -> str:
    wide = ids.widen(value)
    if wide is None:
        raise refuse_row("MALFORMED_ID", f"{field.label}: id value of incorrect type: {value}", field.name)
    return wide


def _text(field: Field, value: Any) -> str | None:
    """Take text as the org keeps it: spaces around it are not kept, text of nothing else is no text."""
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif not isinstance(value, str):
        value = json.dumps(value)
    text: str = value.strip()
    if not text:
        return None
    if field.length and len(text) > field.length:
        message = f"{field.label}: data value too large: {text} (max length={field.length})"
        raise refuse_row("STRING_TOO_LONG", message, field.name)
    if field.type == "email" and not _EMAIL.match(text):
        raise refuse_row("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {text}", field.name)
    if field.restricted and field.type in {"picklist", "multipicklist"}:
        return _restricted(field, text)
    return text


def _restricted(field: Field, text: str) -> str:
    canonical = {value.lower(): value for value in field.picklist}
    given = text.split(";") if field.type == "multipicklist" else [text]
    for value in given:
        if value.strip().lower() not in canonical:
            message = f"{field.label}: bad value for restricted picklist field: {value}"
            raise refuse_row("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", message, field.name)
    return ";".join(canonical[value.strip().lower()] for value in given)


def to_json(field: Field, column: Any) -> Any:
    """Return a column's value as REST shows it."""
    if column is None:
        return False if field.type == "boolean" else None
    if field.type == "boolean":
        return bool(column)
    return float(column) if field.type in {"double", "currency", "percent"} else column


def to_csv(field: Field | None, value: Any) -> str:
    """Return a JSON value as Bulk 2.0 writes it in CSV; dateTimes end in Z there."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if field is not None and field.type == "datetime":
        return str(value).replace("+0000", "Z")
    return str(value)


def dig(record: Any, name: str) -> Any:
    """Return what a dotted name leads to in a record with its parents, or None."""
    for part in name.split("."):
        record = record.get(part) if isinstance(record, dict) else None
    return record


def address(prefix: str, row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any] | None:
    """Return a compound address, or None when nothing of it is known.

    Args:
        prefix: What the parts' names begin with (``Mailing``, or nothing).
        row: Column values.
        names: The parts' columns, by the lower-case end of their names.
    """
    keys = ("city", "country", "geocodeAccuracy", "latitude", "longitude", "postalCode", "state", "street")
    found = {key: row.get(names.get((prefix + key).lower(), "")) for key in keys}
    return found if any(value is not None for value in found.values()) else None
