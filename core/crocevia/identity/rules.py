"""`[identity]`: which addresses identify nobody, how many claims are too many, what is merged without a person."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from functools import cached_property
from typing import Literal

from attrs import evolve, field, frozen, validators

from crocevia.identity.normalise import email, phone


@frozen(kw_only=True)
class Limits:
    """How many claims on contact points of one kind are believed.

    Attributes:
        held: Contact points that one profile may learn by itself; a person may enter more in a CRM.
        shared_by: Profiles that may claim one address before it identifies none of them.
    """

    held: int = field(default=20, validator=validators.ge(1))
    shared_by: int = field(default=5, validator=validators.ge(1))


_USUAL = Limits()


@frozen(kw_only=True)
class Rules:
    """What the settings say of identity.

    Attributes:
        blocked: Addresses that identify nobody: a switchboard's number, `"noreply@*"` (`*` stands for anything).
        proven_together: Whether two customers are merged when somebody proves an exclusive address of each at once,
            or a person compares them.
        limits: By kind of contact point; the usual ones for the others.
    """

    blocked: tuple[str, ...] = ()
    proven_together: Literal["review", "merge"] = "review"
    limits: Mapping[str, Limits] = field(factory=dict)

    def for_region(self, region: str | None) -> Rules:
        """With the blocked addresses in their normal form; numbers without a prefix are of this region."""
        return evolve(self, blocked=tuple(_normal(text, region) for text in self.blocked))

    def limit(self, kind: str) -> Limits:
        """The limits of a kind of contact point."""
        return self.limits.get(kind, _USUAL)

    def blocks(self, address: str) -> bool:
        """Whether an address (`"phone||+39..."`) identifies nobody."""
        if not self.blocked:
            return False
        value = address.split("|", 2)[2]
        return value in self._exact or any(fnmatchcase(value.lower(), pattern) for pattern in self._patterns)

    @cached_property
    def _exact(self) -> frozenset[str]:
        return frozenset(text for text in self.blocked if "*" not in text)

    @cached_property
    def _patterns(self) -> tuple[str, ...]:
        return tuple(text.lower() for text in self.blocked if "*" in text)


def _normal(text: str, region: str | None) -> str:
    if "*" in text:
        return text
    return (email(text) if "@" in text else phone(text, region)) or text
