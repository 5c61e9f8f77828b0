"""Lenses: a canonical field seen as a CRM's fields, both ways.

Canonical values are a mapping `{our field: value}`. A missing key is *absent* (never known), None is *cleared*,
`""` is *empty*. Remote values are `{remote field: value}` in the CRM's own form; a missing key was not read.

Two laws hold for every lens, and the conformance suite tests them:

1. `decode(encode(c), c) == c`: a round trip changes nothing, even where encode loses. It holds by
   construction: `decode` reads the remote values only where they differ from what encode gives.
2. `encode(decode(r, c)) == r` for the values `r` a person can enter.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, Literal

import attrs
from attrs import evolve, frozen

from crocevia.mapping.codec import AS_IS, Codec, fold
from crocevia.model import ObjectSchema

Canonical = Mapping[str, Any]
Remote = Mapping[str, Any]
LensDirection = Literal["both", "to crm", "from crm"]


@frozen(kw_only=True)
class Lens(ABC):
    """A mapping between canonical `fields` and `remote` fields.

    Attributes:
        direction: `"both"`; `"to crm"` is never read back; `"from crm"` is never written.
        limits: `{remote field: longest text}` from `describe()`; part of the lens, so that law 1 holds over truncation.
        optional: Whether a CRM may be without its remote fields: it is left out there, and everything else goes on.
        is_set: Whether its value is a set of elements, merged element by element.
    """

    direction: LensDirection = "both"
    optional: bool = False
    limits: Mapping[str, int] = attrs.field(factory=dict)

    @property
    @abstractmethod
    def fields(self) -> tuple[str, ...]:
        """The canonical fields it covers."""

    @property
    @abstractmethod
    def remote(self) -> tuple[str, ...]:
        """The remote fields it covers."""

    @property
    def is_set(self) -> bool:
        """Whether the canonical value is a set, merged three-way by `merge`."""
        return False

    @abstractmethod
    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Canonical to remote values, before the limits. Fields without an opinion are left out."""

    @abstractmethod
    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Remote values that differ from `encode(canonical)` to the canonical fields they change."""

    def encode(self, canonical: Canonical) -> dict[str, Any]:
        """What the CRM should hold; a key that is missing means "no opinion"."""
        values = self.write(canonical)
        for name, limit in self.limits.items():
            text = values.get(name)
            if isinstance(text, str) and len(text) > limit:
                values[name] = text[:limit].rstrip()
        return values

    def decode(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """The canonical fields that the remote values change; empty when both sides agree."""
        expected = self.encode(canonical)
        if all(self.same(name, remote[name], expected.get(name)) for name in self.remote if name in remote):
            return {}
        return self.read(remote, canonical)

    def same(self, name: str, one: Any, other: Any) -> bool:
        """Whether two values of a remote field say the same; see the function of that name."""
        return same(one, other)

    def merge(self, base: Remote, remote: Remote, canonical: Canonical, *, theirs_first: bool) -> dict[str, Any]:
        """Three-way merge for sets: what changed from `base` to `remote`, applied to `canonical`."""
        raise TypeError(type(self).__name__)

    def knows(self, canonical: Canonical) -> bool:
        """Whether we have a value of our own, not just a stand-in; asked when a record is met for the first time."""
        return any(canonical.get(name) not in _NOTHING for name in self.fields)

    def unwritable(self, canonical: Canonical) -> bool:
        """Whether we hold something that this CRM's fields cannot, so that not all of it is written."""
        return False

    def fit(self, schema: ObjectSchema) -> Lens:
        """The lens with the limits of the described fields."""
        found = {
            name: length for name in self.remote if name in schema.fields and (length := schema.fields[name].length)
        }
        return evolve(self, limits=found)


def same(one: Any, other: Any) -> bool:
    """Whether two remote values say the same.

    None, `""` and an empty list are all "nothing there" in a CRM; child rows have no order and no doubles.
    """
    if one == other:
        return True
    if isinstance(one, (list, tuple)) and isinstance(other, (list, tuple)):
        return all(row in other for row in one) and all(row in one for row in other)
    return not (one or other) and one in _NOTHING and other in _NOTHING


_NOTHING: tuple[Any, ...] = (None, "", [], ())
UNFIT = (ValueError, TypeError, ArithmeticError, AttributeError)
"""What a codec raises for a value that is not of its type."""


@frozen(kw_only=True)
class Plain(Lens):
    """One canonical field, one remote field, one codec.

    A value that the codec cannot write, or that is not among the `allowed` ones, is left out: the CRM keeps what it
    has, and `unwritable` says so. Of a list, the elements that can be written are.

    Attributes:
        default: Written while the canonical value is absent and the field must not be empty; None: nothing is written.
        allowed: The remote values of a restricted picklist, from `describe()`; None: anything goes.
    """

    name: str
    field: str
    codec: Codec = AS_IS
    default: Any = None
    allowed: frozenset[str] | None = None

    @property
    def fields(self) -> tuple[str, ...]:
        """The one canonical field."""
        return (self.name,)

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    @property
    def is_set(self) -> bool:
        """A list is merged element by element."""
        return self.codec.is_list

    @property
    def as_it_comes(self) -> bool:
        """Whether codec, default and limit alone say what is written."""
        return self.allowed is None and not self.codec.is_list

    def encode(self, canonical: Canonical) -> dict[str, Any]:
        """As any lens; a list is cut between its elements."""
        limit = self.limits.get(self.field)
        if limit is None or not self.is_set:
            return super().encode(canonical)
        values = self.write(canonical)
        tags = list(canonical.get(self.name) or ())
        while tags and isinstance(values.get(self.field), str) and len(values[self.field]) > limit:
            tags.pop()
            values = self.write({self.name: tags})
        return values

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Through the codec; None stays None, absent is left out."""
        if self.name not in canonical:
            return {} if self.default is None else {self.field: self.default}
        value = canonical[self.name]
        if value is None:
            return {self.field: self.default}
        try:
            if self.allowed is None:
                return {self.field: self.codec.to_remote(value)}
            if self.is_set:
                return {self.field: self.codec.to_remote([self._spelled(tag) for tag in value if self._spelled(tag)])}
            written = self._spelled(self.codec.to_remote(value))
        except UNFIT:
            return {}
        return {} if written is None else {self.field: written}

    def unwritable(self, canonical: Canonical) -> bool:
        """Whether the CRM has no form for our value, or not for all of it."""
        value = canonical.get(self.name)
        if value is None or self.direction == "from crm":
            return False
        if self.is_set and self.allowed is not None:
            return not all(self._spelled(tag) for tag in value)
        return self.field not in self.write(canonical)

    def same(self, name: str, one: Any, other: Any) -> bool:
        """As the codec says, where it does."""
        if same(one, other):
            return True
        if self.codec.same is None or one in _NOTHING or other in _NOTHING:
            return False
        try:
            return self.codec.same(one, other)
        except UNFIT:
            return False

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Through the codec; a value that is not of the type raises ValueError.

        An empty text is one for a text; for anything else it says that the field is cleared.
        """
        if self.field not in remote:
            return {}
        if self.is_set:
            return self.merge(self.encode(canonical), remote, canonical, theirs_first=True)
        value = remote[self.field]
        if value is None or (value == "" and self.codec.same is not None):
            return {self.name: None}
        return {self.name: self.codec.from_remote(value)}

    def merge(self, base: Remote, remote: Remote, canonical: Canonical, *, theirs_first: bool) -> dict[str, Any]:
        """Element by element: what left the list there leaves ours, what came joins at its end.

        Ours keep their order and spelling, but for an element that was respelled there.
        """
        ours = canonical.get(self.name) or ()
        if self.field not in remote:
            return {self.name: tuple(ours)}
        before = {fold(tag): tag for tag in self._elements(base.get(self.field))}
        after = {fold(tag): tag for tag in self._elements(remote[self.field])}
        respelled = {key: tag for key, tag in after.items() if before.get(key, tag) != tag}
        merged = {
            fold(tag): respelled.get(fold(tag), tag) for tag in ours if fold(tag) in after or fold(tag) not in before
        }
        merged |= {key: tag for key, tag in after.items() if key not in before and key not in merged}
        return {self.name: tuple(merged.values())}

    def fit(self, schema: ObjectSchema) -> Lens:
        """With the limit of the described field, and its options where it is restricted."""
        fitted = super().fit(schema)
        described = schema.fields.get(self.field)
        if described is None or described.options is None:
            return fitted
        return evolve(fitted, allowed=frozenset(described.options))  # type: ignore[call-arg]  # it is a Plain

    def _elements(self, value: Any) -> tuple[str, ...]:
        return () if value in _NOTHING else self.codec.from_remote(value)

    def _spelled(self, value: Any) -> str | None:
        """As the picklist spells it; None: it has no such value."""
        allowed = self.allowed or ()
        return value if value in allowed else next((one for one in allowed if fold(one) == fold(str(value))), None)


@frozen(kw_only=True)
class Names(Lens):
    """Given and family name as two remote fields, the second one required by the CRM.

    While we know only a display name, the family field holds it; and `placeholder` when we know none.
    """

    given: str
    family: str
    placeholder: str = "Unknown"

    @property
    def fields(self) -> tuple[str, ...]:
        """Given, family and display name."""
        return ("given_name", "family_name", "display_name")

    @property
    def remote(self) -> tuple[str, ...]:
        """The two remote fields."""
        return (self.given, self.family)

    def knows(self, canonical: Canonical) -> bool:
        """A display name is a stand-in."""
        return bool(_joined(canonical))

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Both names where known; else the display name stands in for the family name."""
        given, family = canonical.get("given_name"), canonical.get("family_name")
        if given or family:
            return {self.given: given or None, self.family: family or self.placeholder}
        return {self.given: None, self.family: canonical.get("display_name") or self.placeholder}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Take the part that a person changed, and keep the other, which may be longer here than there."""
        expected = self.encode(canonical)
        theirs = {field: remote.get(field, expected.get(field)) or None for field in self.remote}
        ours = (canonical.get("given_name") or None, canonical.get("family_name") or None)
        changed = [not same(theirs[field], expected.get(field)) for field in self.remote]
        given, family = (
            text if moved else own for text, moved, own in zip(theirs.values(), changed, ours, strict=True)
        )
        found = {"given_name": given, "family_name": family}
        written = self.encode({**canonical, **found})
        if all(same(written.get(field), text) for field, text in theirs.items()):
            return found
        return {"given_name": theirs[self.given], "family_name": theirs[self.family]}


@frozen(kw_only=True)
class FullName(Lens):
    """Given and family name as one remote field, which nobody can split for certain."""

    field: str = "name"
    placeholder: str = "Unknown"

    @property
    def fields(self) -> tuple[str, ...]:
        """Given, family and display name."""
        return ("given_name", "family_name", "display_name")

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    def knows(self, canonical: Canonical) -> bool:
        """A display name is a stand-in."""
        return bool(_joined(canonical))

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Both names with a space between; else the display name."""
        return {self.field: _joined(canonical) or canonical.get("display_name") or self.placeholder}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Keep the part that did not change; where both did, the whole is the family name, unsplit."""
        whole = remote.get(self.field) or None
        if whole is None:  # an empty name is no name at all: the display name must not come back for it
            return {"given_name": None, "family_name": None, "display_name": None}
        given, family = canonical.get("given_name"), canonical.get("family_name")
        if given and whole.startswith(f"{given} "):
            family = whole[len(given) + 1 :]
        elif family and whole.endswith(f" {family}"):
            given = whole[: -len(family) - 1]
        else:
            given, family = None, whole
        if _joined({"given_name": given, "family_name": family}) != whole:
            given, family = None, whole
        return {"given_name": given, "family_name": family}


def _joined(canonical: Canonical) -> str:
    return " ".join(part for part in (canonical.get("given_name"), canonical.get("family_name")) if part)


@frozen(kw_only=True)
class Reference(Lens):
    """A link to another mapped record; canonical and remote value are that record's remote id on this connection.

    Attributes:
        name: `"profile"`.
        object: The object it points to; its record is written first.
        also: Further objects it may point to, where the CRM keeps customers as several and their ids are told apart.
    """

    name: str = "profile"
    field: str
    object: str
    also: tuple[str, ...] = ()

    @property
    def objects(self) -> tuple[str, ...]:
        """Every object it may point to, the first one before the others."""
        return (self.object, *self.also)

    @property
    def fields(self) -> tuple[str, ...]:
        """The one canonical field."""
        return (self.name,)

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """The remote id; left out while the other record has none."""
        target = canonical.get(self.name)
        return {} if target is None else {self.field: target}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """The remote id."""
        return {self.name: remote[self.field]} if self.field in remote else {}
