"""One value, both ways: how a canonical value is written in a CRM's own form.

A codec is total on what its canonical type allows, and raises ValueError for a remote value that a person
cannot have meant. None (cleared) never reaches a codec: the lens hands it through.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from attrs import frozen

from crocevia.model.moment import utc


@frozen
class Codec:
    """A pair of functions. `to_remote(from_remote(r))` says what `r` says, for every `r` a person can enter.

    Attributes:
        same: Whether two remote values say the same, where equality is too strict; None: equality says it. It may
            raise ValueError for what is not of the type: nothing but an equal value says the same then.
        options: `{canonical: remote}` of a picklist; None: anything of the type goes.
        is_list: Whether its canonical value is a tuple of texts, merged element by element.
    """

    to_remote: Callable[[Any], Any]
    from_remote: Callable[[Any], Any]
    same: Callable[[Any, Any], bool] | None = None
    options: Mapping[str, str] | None = None
    is_list: bool = False


def _exact(value: Any) -> Decimal:
    """A number in any form that CRMs give it; True is none, and nor is NaN."""
    try:
        number = Decimal(str(value))
    except InvalidOperation as error:
        msg = "not a number"
        raise ValueError(msg) from error
    if not number.is_finite():
        msg = "not a finite number"
        raise ValueError(msg)
    return number


def _decimal(value: Any) -> str:
    number = _exact(value)
    return format(number.normalize() if number else Decimal(0), "f")


def _number(value: Any) -> float | int | str:
    """As JSON writes numbers; what a float cannot hold to the last digit goes as a text, whole."""
    number = _exact(value)
    if number == number.to_integral_value():
        return int(number)
    return float(number) if Decimal(repr(float(number))) == number else format(number, "f")


def _integer(value: Any) -> int:
    if type(value) is int:
        return value
    number = _exact(value)
    if number != number.to_integral_value():
        msg = "not a whole number"
        raise ValueError(msg)
    return int(number)


_BOOLEANS: Mapping[Any, bool] = {"true": True, "false": False, "1": True, "0": False}


def _boolean(value: Any) -> bool:
    """True and False, also as 1 and 0 and in words, as some CRMs give them; `bool("false")` would be True."""
    found = _BOOLEANS.get(str(value).strip().lower())
    if found is None:
        msg = "neither true nor false"
        raise ValueError(msg)
    return found


def _day(value: Any) -> str:
    return date.fromisoformat(value if isinstance(value, str) else value.isoformat()).isoformat()


def _instant(value: Any) -> datetime:
    return utc(value if isinstance(value, datetime) else datetime.fromisoformat(value))


def _millis(value: Any) -> str:
    """What is written: CRMs keep milliseconds at best."""
    return _instant(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def fold(tag: str) -> str:
    """What two spellings of one tag have in common: people write "VIP", "vip" and " vip"."""
    return " ".join(tag.split()).casefold()


def _once(tags: Iterable[str]) -> tuple[str, ...]:
    """Each tag once, as it was spelled first, in the order of the CRM, which may be that of its picklist."""
    found: dict[str, str] = {}
    for tag in tags:
        if folded := fold(tag):
            found.setdefault(folded, tag.strip())
    return tuple(found.values())


def _split(value: Any) -> tuple[str, ...]:
    if not isinstance(value, str):
        msg = "not a text"
        raise ValueError(msg)  # noqa: TRY004 - what a codec raises for a remote value that is not of its type
    return _once(value.split(";"))


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, (list, tuple)) or not all(isinstance(item, str) for item in value):
        msg = "not a list of texts"
        raise ValueError(msg)
    return _once(value)


def _by(read: Callable[[Any], Any]) -> Callable[[Any, Any], bool]:
    """Two remote values say the same when they are read as the same."""
    return lambda one, other: bool(read(one) == read(other))


def _folded(read: Callable[[Any], tuple[str, ...]]) -> Callable[[Any, Any], bool]:
    """Two lists say the same in any order and spelling."""
    return lambda one, other: set(map(fold, read(one))) == set(map(fold, read(other)))


def _as_is(value: Any) -> Any:
    return value


def picklist(options: Mapping[str, str]) -> Codec:
    """A picklist: `{canonical: remote}`. A remote value of no entry is kept as it is, so that nothing is lost."""
    back = {remote: canonical for canonical, remote in options.items()}
    return Codec(lambda value: options.get(value, value), lambda value: back.get(value, value), options=dict(options))


AS_IS = Codec(_as_is, _as_is)

CODECS: dict[str, Codec] = {
    "text": Codec(str, str),
    "integer": Codec(_integer, _integer, same=_by(_integer)),
    "decimal": Codec(_number, _decimal, same=_by(_exact)),
    "boolean": Codec(_boolean, _boolean, same=_by(_boolean)),
    "date": Codec(_day, _day, same=_by(_day)),
    "datetime": Codec(_millis, _instant, same=_by(_millis)),
    "semicolon list": Codec(lambda tags: ";".join(tags) or None, _split, same=_folded(_split), is_list=True),
    "list": Codec(list, _texts, same=_folded(_texts), is_list=True),
}
"""Codecs that a setting may name: `tags = { field = "Tags__c", codec = "semicolon list" }`."""
