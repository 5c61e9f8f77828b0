"""A customer's profile as people read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen

from crocevia.store.profiles import ClaimRow, ProfileRow

NAMELESS = "Nameless customer"
_NAMES = ("display_name", "given_name", "family_name")


@frozen(kw_only=True)
class Fact:
    """One field. `at`: when it was learnt, in microseconds, and `of` from which connection; None: not known."""

    name: str
    value: Any
    at: int | None = None
    of: str | None = None


@frozen(kw_only=True)
class Address:
    """One contact point.

    Attributes:
        identifies: Whether a verified claim makes whoever comes from there this customer.
        listed: Whether it is shown on the profile and in CRMs.
        shown_by: Which connections showed it, and whether they proved it.
    """

    kind: str
    scope: str
    text: str
    value: str
    slot: str
    identifies: bool
    listed: bool
    shown_by: Mapping[str, bool]


def name_of(row: ProfileRow) -> str:
    """The name, else the display name, else an address."""
    fields = row.fields
    whole = " ".join(part for part in (fields.get("given_name"), fields.get("family_name")) if part)
    name = whole or fields.get("display_name")
    if name and str(name).strip():
        return str(name)
    return next((claim.point.text for claim in row.listed), NAMELESS)


def facts(row: ProfileRow) -> list[Fact]:
    """The fields, names first; those that were cleared are left out."""
    order = {name: place for place, name in enumerate(_NAMES)}
    found = []
    for name in sorted(row.fields, key=lambda field: (order.get(field, len(order)), field)):
        value = row.fields[name]
        if value is not None:
            at, of = (*row.origins.get(name, ()), None, None)[:2]
            found.append(Fact(name=name.replace("_", " "), value=value, at=at, of=of))
    return found


def addresses(row: ProfileRow) -> list[Address]:
    """The contact points: those on the profile in order, then those that only identify."""
    hidden = sorted((claim for claim in row.claims.values() if not claim.listed), key=lambda claim: claim.address)
    return [_address(claim) for claim in (*row.listed, *hidden)]


def _address(claim: ClaimRow) -> Address:
    point = claim.point
    return Address(
        kind=point.kind,
        scope=point.scope,
        text=point.text,
        value=point.value,
        slot=point.slot,
        identifies=claim.verified and not claim.shared,
        listed=claim.listed,
        shown_by=dict(sorted(claim.shown_by.items())),
    )
