"""What a CRM holds of a customer, field by field, beside what it should hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from crocevia.mapping.lens import Lens
from crocevia.mapping.object import ObjectMapping
from crocevia.store.bindings import BindingRow

Keep = Literal["in step", "on its way", "blocked", "deleted there", "in review", "dead letter", "unknown"]
Mark = Literal["agrees", "differs", "theirs", "in review", "unreadable"]
_STATES: Mapping[str, Keep] = {
    "blocked": "blocked",
    "gone": "deleted there",
    "review": "in review",
    "dead": "dead letter",
    "unknown": "unknown",
}


@frozen
class Keeping:
    """Whether a CRM is in step. `remote_id`: None while it has no record."""

    connection: str
    keep: Keep
    remote_id: str | None


@frozen(kw_only=True)
class Held:
    """One remote field.

    Attributes:
        there: What was last seen there.
        ours: What we would write; None for a field that is only read.
        mark: `"theirs"`: the field is only read, there is nothing to agree on.
    """

    field: str
    there: Any
    ours: Any
    mark: Mark


@frozen(kw_only=True)
class RemoteRecord:
    """One binding, as a person reads it. `note`: why it does not go on; None when it does."""

    connection: str
    object: str
    keeping: Keeping
    version: str | None
    wanted: int
    applied: int
    note: str | None
    fields: tuple[Held, ...]

    @property
    def agrees(self) -> bool:
        """Whether every field that both sides hold says the same."""
        return all(held.mark in ("agrees", "theirs") for held in self.fields)


def keeping(state: str, wanted: int, applied: int) -> Keep:
    """In a word: how a binding stands."""
    return _STATES.get(state) or ("in step" if wanted <= applied else "on its way")


def remote_record(row: BindingRow, mapping: ObjectMapping | None, canonical: Mapping[str, Any]) -> RemoteRecord:
    """Compare a binding with what encode gives; without a mapping (a connection no longer set up), only show it."""
    fields = (
        tuple(held for lens in mapping.lenses for held in _held(lens, row, canonical))
        if mapping is not None
        else tuple(Held(field=name, there=value, ours=None, mark="theirs") for name, value in sorted(row.seen.items()))
    )
    return RemoteRecord(
        connection=row.connection,
        object=row.object,
        keeping=Keeping(row.connection, keeping(row.state, row.wanted, row.applied), row.remote_id),
        version=row.version,
        wanted=row.wanted,
        applied=row.applied,
        note=row.error,
        fields=fields if row.seen or row.remote_id else (),
    )


def _held(lens: Lens, row: BindingRow, canonical: Mapping[str, Any]) -> list[Held]:
    try:
        ours = {} if lens.direction == "from crm" else lens.encode(canonical)
    except (ValueError, TypeError, ArithmeticError):
        return [Held(field=name, there=row.seen.get(name), ours=None, mark="unreadable") for name in lens.remote]
    found = []
    for name in lens.remote:
        there = row.seen.get(name)
        mark: Mark
        if name not in ours:
            mark = "theirs"
        elif name in row.held:
            mark = "in review"
        else:
            mark = "agrees" if lens.same(name, there, ours[name]) else "differs"
        found.append(Held(field=name, there=there, ours=ours.get(name), mark=mark))
    return found
