"""Who a WhatsApp update is from or to, and in which conversation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache

from crocevia import FORMER, ContactPoint, Party
from crocevia_meta.node import Node, UnreadableError, optional_id, optional_node, optional_nodes, optional_text

GROUP = "group:"


def is_phone(address: str) -> bool:
    """Whether an id of WhatsApp's is a phone number; anything else is a business-scoped user id."""
    digits = address.removeprefix("+")
    return digits.isascii() and digits.isdigit()


@lru_cache(maxsize=16_384)
def point(address: str, *, slot: str = "mobile") -> ContactPoint:
    """The contact point of a `wa_id`, phone number or business-scoped user id (BSUID, `"US.1349..."`).

    A BSUID belongs to one business portfolio, and another portfolio is given another one for the same person: the
    value itself is what it is scoped to. Its scope is "", so that the accounts of one portfolio, whose id no webhook
    tells, meet in it.
    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/business-scoped-user-ids
    (2026-05-28).
    """
    if is_phone(address):
        return ContactPoint("phone", "", "+" + address.removeprefix("+"), slot=slot)
    return ContactPoint("whatsapp", "", address, slot=FORMER if slot == FORMER else "")


def points(addresses: Iterable[str | None]) -> tuple[ContactPoint, ...]:
    """The contact points of these ids, each once, in their order; None is left out."""
    return tuple([point(address) for address in dict.fromkeys([a.removeprefix("+") for a in addresses if a])])


class Number:
    """One business number as a change's `value` shows it: its ids, and the customers it introduces.

    Attributes:
        id: The `phone_number_id`; None in payloads that tell none (legacy, account news).
    """

    def __init__(self, value: Node) -> None:
        self._metadata = optional_node(value, "metadata")
        self.id = optional_id(self._metadata, "phone_number_id")
        contacts = optional_nodes(value, "contacts")
        self._only = contacts[0] if len(contacts) == 1 else None
        self._contacts: dict[str, Node] = {}
        for contact in contacts:
            for name in ("wa_id", "user_id", "parent_user_id"):
                if name in contact and (address := optional_id(contact, name)):
                    self._contacts[address] = contact

    @cached_property
    def phone(self) -> str | None:
        """The display number in digits; None when untold."""
        shown = optional_id(self._metadata, "display_phone_number") or ""
        return "".join(filter(str.isdecimal, shown)) or None

    def party(self) -> Party:
        """Us, as the customer sees us."""
        return Party((point(self.phone, slot=""),) if self.phone else ())

    def customer(self, *addresses: str | None) -> Party:
        """The customer with these ids, most telling first, and what the delivery's contacts add.

        Raises:
            UnreadableError: there is no id, and not exactly one contact it could be.
        """
        known = [address for address in addresses if address]
        contact = next((self._contacts[address] for address in known if address in self._contacts), None)
        if not known:
            contact = self._only
        shown = contact or {}
        if not (known and is_phone(known[0])) and not any(map(is_phone, known)):
            known.append(optional_id(shown, "wa_id") or "")
        found = points([*known, optional_id(shown, "user_id"), optional_id(shown, "parent_user_id")])
        if not found:
            raise UnreadableError("no sender: neither 'from' nor one contact")
        profile = optional_node(shown, "profile")
        return Party(found, name=optional_text(profile, "name") or optional_text(profile, "username") or None)

    def conversation(self, customer: Party, group: str | None = None) -> str:
        """The thread: the number's id and the customer's address there, `"1065...:16505551234"`.

        Stable for a customer with a phone number, whatever else a delivery tells of them; for one without, by BSUID.
        """
        other = GROUP + group if group else customer.points[0].value.removeprefix("+")
        return f"{self.id}:{other}" if self.id else other


def split_conversation(conversation: str) -> tuple[str | None, str]:
    """The number's id (None: untold) and the customer's or group's address of a conversation."""
    number, colon, address = conversation.partition(":")
    if not colon or number == GROUP[:-1]:
        return None, conversation
    return number, address
