"""Plain values to typed records: nothing is guessed or converted, and every fault is told with its path."""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Collection, Mapping
from collections.abc import Set as AbstractSet
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import attrs

from crocevia.config.secrets import EXPECTED, NoSecretError, Secrets
from crocevia.errors import ConfigError
from crocevia.mapping.configure import FieldMapping
from crocevia.secret import Secret

_NAMES: dict[Any, str] = {
    str: "a text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    dict: "a table",
    list: "a list",
    Path: "a path",
    Secret: EXPECTED,
    type(None): "false",
}
_SHORT: dict[type[Any], str] = {FieldMapping: "field"}
"""Records for which a text stands: that field alone."""
_SHOWN = 60


class _Wrong:
    """Stands for a value that could not be read; the problem is noted."""


WRONG = _Wrong()


def shown(value: Any) -> str:
    """A value as `got` shows it: as TOML writes it, cut when long; a table or list by what it is."""
    if isinstance(value, (dict, list)):
        return _NAMES[type(value)]
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def near(name: str, known: Collection[str]) -> str:
    """`"; did you mean X?"` where that is clear."""
    found = get_close_matches(name, known, n=1)
    return f"; did you mean {found[0]}?" if found else ""


def setting_name(attribute: attrs.Attribute[Any]) -> str:
    """What an attribute is called in the settings."""
    return str(attribute.metadata.get("setting", attribute.alias or attribute.name))


def expected(kind: Any) -> str:
    """A type in the words of somebody who writes settings."""
    if kind in _NAMES:
        return _NAMES[kind]
    origin, args = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"one of {', '.join(map(repr, args))}"
    if origin in (Union, types.UnionType):
        return " or ".join(expected(arg) for arg in args if arg is not type(None))
    if origin is Annotated:
        return expected(args[0])
    if _is(origin, Mapping) or attrs.has(kind):
        return f"a text or {_NAMES[dict]}" if kind in _SHORT else _NAMES[dict]
    return _NAMES[list] if origin else f"a {getattr(kind, '__name__', kind)}"


class Reader:
    """Reads values of TOML as types, and gathers what is wrong with them.

    Args:
        secrets: Where secrets come from.

    Attributes:
        problems: One line each: path, expected, got.
        in_plain_text: Paths of secrets that stand in the settings themselves.
    """

    def __init__(self, secrets: Secrets) -> None:
        self._secrets = secrets
        self.problems: list[str] = []
        self.in_plain_text: list[str] = []

    def table(self, value: Any, path: str) -> dict[str, Any]:
        """The value as a table; nothing, or something else, is an empty one."""
        if value is not None and not isinstance(value, dict):
            self.refuse(path, _NAMES[dict], shown(value))
        return value if isinstance(value, dict) else {}

    def refuse(self, path: str, expected: str, got: str) -> _Wrong:
        """Note one problem."""
        self.problems.append(f"{path}: expected {expected}, got {got}")
        return WRONG

    def read(self, value: Any, kind: Any, path: str) -> Any:
        """The value as a `kind`, or WRONG."""
        while hasattr(kind, "__supertype__") or get_origin(kind) is Annotated:
            kind = getattr(kind, "__supertype__", None) or get_args(kind)[0]
        origin = get_origin(kind)
        if kind is Any or (origin is Literal and value in get_args(kind)):
            return value
        if kind is Secret:
            return self._secret(value, path)
        if attrs.has(kind):
            return self.record(value, kind, path)
        if origin in (Union, types.UnionType):
            return self._union(value, kind, path)
        return self._collection(value, kind, path) if origin not in (None, Literal) else self._plain(value, kind, path)

    def record(self, value: Any, cls: type[Any], path: str, also: Collection[str] = ()) -> Any:
        """A table as an attrs class, or WRONG. `also`: names that others read, for "did you mean"."""
        if isinstance(value, str) and cls in _SHORT:
            value = {_SHORT[cls]: value}
        if not isinstance(value, dict):
            return self.refuse(path, expected(cls), shown(value))
        attributes = {setting_name(a): a for a in attrs.fields(attrs.resolve_types(cls)) if a.init}
        before = len(self.problems)
        given: dict[str, Any] = {}
        for name, item in value.items():
            if name not in attributes:
                got = f"an unknown one{near(name, {*attributes, *also})}"
                self.refuse(f"{path}.{name}", "a setting that there is", got)
                continue
            attribute = attributes[name]
            if item == "" and attribute.default is attrs.NOTHING and attribute.type is str:
                self.refuse(f"{path}.{name}", "a text", "an empty one")
                continue
            found = self.read(item, attribute.type or Any, f"{path}.{name}")
            if found is not WRONG and self._valid(attribute, found, f"{path}.{name}"):
                given[attribute.alias or attribute.name] = found
        for name, attribute in attributes.items():
            if attribute.default is attrs.NOTHING and name not in value:
                self.refuse(f"{path}.{name}", expected(attribute.type), "nothing")
        return WRONG if len(self.problems) > before else self._made(cls, given, path)

    def _made(self, cls: type[Any], given: Mapping[str, Any], path: str) -> Any:
        """The record itself; its own rules may still refuse it."""
        try:
            return cls(**given)
        except ConfigError as error:
            self.problems.extend(f"{path}.{problem}" for problem in error.problems)
        except (ValueError, TypeError) as error:
            self.problems.append(f"{path}: {error.args[0] if error.args else type(error).__name__}")
        return WRONG

    def _valid(self, attribute: attrs.Attribute[Any], value: Any, path: str) -> bool:
        """Ask the validator now, so that all faults are told at once. One that needs the whole record runs with it."""
        check: Callable[..., Any] | None = attribute.validator
        if check is None or attribute.converter is not None:
            return True
        try:
            check(None, attribute, value)
        except ConfigError as error:
            self.problems.extend(f"{path.rpartition('.')[0]}.{problem}" for problem in error.problems)
        except ValueError as error:
            said = str(error.args[0]).removeprefix(f"'{attribute.name}' must be ")
            self.refuse(path, re.split(r": | \(got ", said)[0], shown(value))
        except (TypeError, AttributeError):
            return True
        else:
            return True
        return False

    def _secret(self, value: Any, path: str) -> Secret | _Wrong:
        try:
            found = self._secrets.read(value)
        except NoSecretError as error:
            return self.refuse(f"{path}.{error.path}" if error.path else path, error.expected, error.got)
        if isinstance(value, str):
            self.in_plain_text.append(path)
        return found

    def _union(self, value: Any, kind: Any, path: str) -> Any:
        members = [arg for arg in get_args(kind) if arg is not type(None)]
        if value is False and bool not in members and len(members) < len(get_args(kind)):
            return None  # TOML has no null: false switches an optional thing off
        if len(members) == 1:
            return self.read(value, members[0], path)
        for member in members:
            attempt = Reader(self._secrets)
            found = attempt.read(value, member, path)
            if not attempt.problems:
                self.in_plain_text += attempt.in_plain_text
                return found
        return self.refuse(path, expected(kind), shown(value))

    def _collection(self, value: Any, kind: Any, path: str) -> Any:
        if not _is(get_origin(kind), Mapping):
            return self._list(value, kind, path)
        if not isinstance(value, dict):
            return self.refuse(path, _NAMES[dict], shown(value))
        found = {name: self.read(item, get_args(kind)[1], f"{path}.{name}") for name, item in value.items()}
        return WRONG if any(item is WRONG for item in found.values()) else found

    def _list(self, value: Any, kind: Any, path: str) -> Any:
        if not isinstance(value, list):
            return self.refuse(path, _NAMES[list], shown(value))
        origin, args = get_origin(kind), get_args(kind)
        fixed = origin is tuple and Ellipsis not in args
        if fixed and len(value) != len(args):
            return self.refuse(path, f"a list of {len(args)}", f"one of {len(value)}")
        kinds = args if fixed else [args[0]] * len(value)
        found = [self.read(item, k, f"{path}[{n}]") for n, (item, k) in enumerate(zip(value, kinds, strict=True))]
        if any(item is WRONG for item in found):
            return WRONG
        return frozenset(found) if _is(origin, AbstractSet) else found if origin is list else tuple(found)

    def _plain(self, value: Any, kind: Any, path: str) -> Any:
        if kind is Path and isinstance(value, str):
            return self._secrets.folder / Path(value).expanduser()
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if type(value) is not kind:
            return self.refuse(path, expected(kind), shown(value))
        return value


def _is(origin: Any, kind: type[Any]) -> bool:
    return isinstance(origin, type) and issubclass(origin, kind)
