"""One value, both ways: how a canonical value is written in a CRM's own form.

A codec is total on what its canonical type allows, and raises ValueError for a remote value that a person
cannot have meant. None (cleared) never reaches a codec: the lens hands it through.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import frozen

from crocevia.model.moment import utc


@frozen
class Codec:
    """A pair of functions. `to_remote(from_remote(r))` says what `r` says, for every `r` a person can enter.

    Attributes:
        same: Whether two remote values say the same, where equality is too strict; None: equality says it.
        options: `{canonical: remote}` of a picklist; None: anything of the type goes.
    """

    to_remote: Callable[[Any], Any]
    from_remote: Callable[[Any], Any]
    same: Callable[[Any, Any], bool] | None = None
    options: Mapping[str, str] | None = None


def _decimal(value: Any) -> str:
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        msg = "not a number"
        raise ValueError(msg) from error
    return format(number.normalize() if number else Decimal(0), "f")


def _number(value: str) -> float | int:
    number = Decimal(value)
    return int(number) if number == number.to_integral_value() else float(number)


def _instant(value: Any) -> datetime:
    return utc(value if isinstance(value, datetime) else datetime.fromisoformat(value))


def _tags(value: Any) -> tuple[str, ...]:
    """In the order of the CRM, which may be that of its picklist."""
    if not isinstance(value, str):
        msg = "not a text"
        raise ValueError(msg)  # noqa: TRY004 - what a codec raises for a remote value that is not of its type
    return tuple(dict.fromkeys(part.strip() for part in value.split(";") if part.strip()))


def _same_tags(one: Any, other: Any) -> bool:
    return isinstance(one, str) and isinstance(other, str) and set(_tags(one)) == set(_tags(other))


def _as_is(value: Any) -> Any:
    return value


def picklist(options: Mapping[str, str]) -> Codec:
    """A picklist: `{canonical: remote}`. A remote value of no entry is kept as it is, so that nothing is lost."""
    back = {remote: canonical for canonical, remote in options.items()}
    return Codec(lambda value: options.get(value, value), lambda value: back.get(value, value), options=dict(options))


AS_IS = Codec(_as_is, _as_is)

CODECS: dict[str, Codec] = {
    "text": Codec(str, str),
    "integer": Codec(int, int),
    "decimal": Codec(_number, _decimal),
    "boolean": Codec(bool, bool),
    "date": Codec(
        lambda value: value if isinstance(value, str) else value.isoformat(),
        lambda v: date.fromisoformat(v).isoformat(),
    ),
    "datetime": Codec(
        lambda value: _instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z"), _instant
    ),
    "semicolon list": Codec(";".join, _tags, same=_same_tags),
}
"""Codecs that a setting may name: `tags = { field = "Tags__c", codec = "semicolon list" }`."""
