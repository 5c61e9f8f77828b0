"""Reading a vendor's JSON without trusting it: what is required raises, what is optional is None."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crocevia import ParseContext

Node = Mapping[str, Any]
_SHOWN = 40
_SECOND_DIGITS = 11


class UnreadableError(ValueError):
    """A leaf that cannot be understood; the message names its shape, never a customer's text."""


def label(value: object) -> str:
    """A vendor's type or field name, fit to be shown: short, printable, quoted."""
    if not isinstance(value, str):
        return f"a {type(value).__name__}"
    return repr(value if len(value) <= _SHOWN else value[:_SHOWN] + "…")


def required_text(node: Node, name: str) -> str:
    """The non-empty text under `name`.

    Raises:
        UnreadableError: it is missing, empty or no text.
    """
    value = node.get(name)
    if isinstance(value, str) and value:
        return value
    raise UnreadableError(f"{name!r} is missing" if value in (None, "") else f"{name!r} is {label(value)}, not a text")


def required_node(node: Node, name: str) -> Node:
    """The object under `name`.

    Raises:
        UnreadableError: it is missing or no object.
    """
    value = node.get(name)
    if isinstance(value, dict):
        return value
    raise UnreadableError(f"{name!r} is missing" if value is None else f"{name!r} is not an object")


def required_time(node: Node, name: str = "timestamp") -> datetime:
    """The Unix seconds under `name`, number or text, as aware UTC.

    Raises:
        UnreadableError: missing or of another type.
        MalformedError: a text or number that is no time.
    """
    value = node.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float | str) or value == "":
        raise UnreadableError(f"{name!r} is missing" if value in (None, "") else f"{name!r} is {label(value)}")
    return ParseContext.from_s(value)


def optional_time(node: Node, name: str = "timestamp") -> datetime | None:
    """The time under `name` as Meta's products write it: Unix seconds or milliseconds, or ISO 8601; None when missing.

    Messenger and Instagram tell milliseconds, Pages and comments seconds, and nobody says which: a number below
    100,000,000,000 is seconds (in milliseconds it would be 1973).

    Raises:
        UnreadableError: of another type.
        MalformedError: a text or number that is no time.
    """
    value = node.get(name)
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadableError(f"{name!r} is {label(value)}")
    if isinstance(value, str) and not value.isdigit():
        return ParseContext.from_iso(value)
    is_ms = len(value) > _SECOND_DIGITS if isinstance(value, str) else value >= 10**_SECOND_DIGITS
    return ParseContext.from_ms(value) if is_ms else ParseContext.from_s(value)


def required_id(node: Node, name: str) -> str:
    """The id under `name`, text or whole number, as text.

    Raises:
        UnreadableError: it is missing, empty or of another type.
    """
    found = optional_id(node, name)
    if found is None:
        raise UnreadableError(f"{name!r} is missing or no id")
    return found


def optional_text(node: Node, name: str) -> str | None:
    """The text under `name`, `""` included; None when it is missing or no text."""
    value = node.get(name)
    return value if isinstance(value, str) else None


def optional_id(node: Node, name: str) -> str | None:
    """The id under `name`, text or whole number, as text; None when it is missing, empty or of another type."""
    value = node.get(name)
    if value is None or isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def optional_node(node: Node, name: str) -> Node:
    """The object under `name`; an empty one when it is missing or no object."""
    value = node.get(name)
    return value if isinstance(value, dict) else {}


def optional_nodes(node: Node, name: str) -> list[Node]:
    """The objects in the list under `name`; what is no object is left out, and no list is an empty one."""
    value = node.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
