"""Settings made of nothing: enough for `parse`, which is pure and calls nobody."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

import attrs

from crocevia.connector import Connector
from crocevia.errors import CroceviaError
from crocevia.secret import Secret

_PLAIN: dict[Any, Any] = {
    str: "placeholder",
    int: 1,
    float: 1.0,
    bool: False,
    Path: Path("placeholder"),
    Secret: Secret("placeholder"),
    timedelta: timedelta(seconds=1),
    type(None): None,
}


def placeholder_settings(connector: type[Connector[Any]]) -> Any:
    """An instance of a connector's settings with harmless values, good for `parse` alone.

    Where the settings have rules of their own, which a placeholder cannot know, these are left aside.
    """
    return _record(connector.settings_type())


def _record(cls: type[Any]) -> Any:
    attributes = [a for a in attrs.fields(attrs.resolve_types(cls)) if a.init]
    needed = {a.alias or a.name: _value(a.type, a.name) for a in attributes if a.default is attrs.NOTHING}
    try:
        return cls(**needed)
    except (CroceviaError, ValueError, TypeError):
        made = object.__new__(cls)
        for attribute in attrs.fields(cls):
            object.__setattr__(made, attribute.name, _default(attribute, made))
        return made


def _default(attribute: attrs.Attribute[Any], made: Any) -> Any:
    default: Any = attribute.default
    if default is attrs.NOTHING:
        return _value(attribute.type, attribute.name)
    if isinstance(default, attrs.Factory):  # type: ignore[arg-type]  # a class that attrs types as a function
        return default.factory(made) if default.takes_self else default.factory()
    return default


def _value(kind: Any, name: str) -> Any:
    """Something of a type."""
    origin, args = get_origin(kind), get_args(kind)
    if kind is str and "url" in name:
        return "https://placeholder.invalid"
    if isinstance(kind, type) and attrs.has(kind):
        return _record(kind)
    if origin is Literal:
        return args[0]
    if origin in (Union, types.UnionType):
        return None if type(None) in args else _value(args[0], name)
    if isinstance(origin, type) and issubclass(origin, (Mapping, Sequence, AbstractSet)):
        return {} if issubclass(origin, Mapping) else ()
    return _PLAIN.get(kind)
