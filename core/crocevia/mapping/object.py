"""How one object of a CRM maps to profiles or interactions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import cached_property
from typing import Any, Literal

from attrs import evolve, field, frozen

from crocevia.mapping.encoder import Encoder
from crocevia.mapping.lens import Lens, same
from crocevia.model import ObjectSchema


def _lenses(lenses: Any) -> tuple[Lens, ...]:
    return tuple(lenses)


@frozen(kw_only=True)
class ObjectMapping:
    """One CRM object and the lenses over it.

    Attributes:
        object: The CRM's name of it: `"Contact"`, `"party.party"`.
        of: What of ours it holds.
        lenses: In the order in which they are judged.
        key: Remote field of our external id; None where the CRM can keep none.
        revision: Remote field where our revision is stamped; None where none can be had.
        customers: Whether a record without a match becomes a profile of its own (profiles only).
        is_customer: Tells customers from other records of the same object by their remote values.
        constants: Remote values that every create carries (`{"RecordTypeId": ...}`).
    """

    object: str
    of: Literal["profile", "interaction"]
    lenses: tuple[Lens, ...] = field(converter=_lenses)
    key: str | None = None
    revision: str | None = None
    customers: bool = True
    is_customer: Callable[[Mapping[str, Any]], bool] | None = None
    constants: Mapping[str, Any] = field(factory=dict)

    @property
    def remote_fields(self) -> tuple[str, ...]:
        """Every remote field to read, ours included, each once."""
        own = tuple(name for name in (self.key, self.revision) if name)
        return tuple(dict.fromkeys((*own, *(name for lens in self.lenses for name in lens.remote))))

    def encode(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """Every remote value that the CRM should hold, without key and revision."""
        return self._encoder(canonical)

    def unwritable(self, canonical: Mapping[str, Any]) -> list[Lens]:
        """The lenses over values of ours that the CRM's fields cannot hold whole: a picklist has no such entry."""
        return [lens for lens in self.lenses if lens.unwritable(canonical)]

    def same(self, name: str, one: Any, other: Any) -> bool:
        """Whether two values of a remote field say the same, by the lens that maps it."""
        lens = self._by_remote.get(name)
        return same(one, other) if lens is None else lens.same(name, one, other)

    def differing(
        self, values: Mapping[str, Any], seen: Mapping[str, Any], left_out: Collection[str] = ()
    ) -> dict[str, Any]:
        """Those of `values` that say something else than `seen` does, where a missing field says None.

        A value that is there (true) differs from None whatever the lens: only what is empty may be the same.
        """
        return {
            name: value
            for name, value in values.items()
            if (held := seen.get(name)) is not value
            and ((held is None and value) or not self.same(name, value, held))
            and name not in left_out
        }

    @cached_property
    def _encoder(self) -> Encoder:
        return Encoder(self.lenses)

    @cached_property
    def _by_remote(self) -> dict[str, Lens]:
        found: dict[str, Lens] = {}
        for lens in self.lenses:
            for name in lens.remote:
                found.setdefault(name, lens)
        return found

    def fit(self, schema: ObjectSchema) -> ObjectMapping:
        """The mapping with the limits of the described fields; lenses over missing fields are left out."""
        fitting = [lens.fit(schema) for lens in self.lenses if all(name in schema.fields for name in lens.remote)]
        return evolve(self, lenses=fitting)
