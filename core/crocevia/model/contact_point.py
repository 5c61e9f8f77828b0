"""One address of a customer."""

from __future__ import annotations

from functools import cached_property
from urllib.parse import quote, unquote

from attrs import field, frozen

FORMER = "former"
"""The slot of an address of a party that the vendor says is replaced by the party's others: a changed number or id."""


@frozen(order=True)
class ContactPoint:
    """One address: `(kind, scope, value)`; equality and hash are those three.

    Attributes:
        kind: `"phone"`, `"email"`, or a vendor's own name (`"whatsapp"`, `"messenger"`...).
        scope: Whose namespace the value lives in: `""` for phone and e-mail; the page, provider, workspace
            or PBX for ids that mean something only there.
        value: The address, normalised by the core (`crocevia_normalise_contact_point`): E.164 for phones.
        verified: Whether the road that showed it proves it belongs to the author: a signed webhook's
            sender does, an e-mail's From header without a DMARC pass does not. A verified, exclusive
            claim identifies a customer; an unverified one never does.
        slot: Its place on a profile: `"mobile"`, `"work"`, `"home"`, `"main"`, `"other"`, or `""`. Several,
            separated by spaces, where a person wrote one number into two fields. `FORMER` in a party: the vendor
            says that it was this customer's until now, and that the party's others have taken its place.
        shown: The address as a person wrote it ("333 1234567"); `""` means as `value`.
    """

    kind: str
    scope: str
    value: str
    verified: bool = field(default=True, eq=False, order=False)
    slot: str = field(default="", eq=False, order=False)
    shown: str = field(default="", eq=False, order=False)

    @cached_property
    def address(self) -> str:
        """One text for the three parts, as stored and shown: `"phone||+393331234567"`."""
        return f"{self.kind}|{quote(self.scope, safe=':@./+-_~') if self.scope else ''}|{self.value}"

    @property
    def is_former(self) -> bool:
        """Whether the vendor says that others have taken its place."""
        return self.slot == FORMER

    @property
    def text(self) -> str:
        """The address as a person reads it."""
        return self.shown or self.value

    @classmethod
    def from_address(cls, address: str) -> ContactPoint:
        """Read back what `address` gave. Raises ValueError for any other text."""
        return cls(*cls.parts(address))

    @staticmethod
    def parts(address: str) -> tuple[str, str, str]:
        """Kind, scope and value of an address. Raises ValueError for any other text."""
        kind, scope, value = address.split("|", 2)
        return kind, unquote(scope) if scope else "", value
