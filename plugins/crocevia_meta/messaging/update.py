"""One element of `messaging` or `standby`: who, when, where."""

from __future__ import annotations

from datetime import datetime
from functools import cached_property

from attrs import field, frozen

from crocevia import ContactPoint, Party
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf
from crocevia_meta.node import Node, UnreadableError, optional_id, optional_node, optional_time


@frozen(slots=False)
class Update:
    """What every kind of update has.

    Attributes:
        node: The element itself.
        account: Ours.
        leaf: Where it lies.
        received_at: When we had it; its time where it tells none (receipts, cut envelopes).
    """

    node: Node
    account: Account
    leaf: Leaf = field(repr=False)
    received_at: datetime

    @cached_property
    def at(self) -> datetime:
        """When it was made, as well as it is told."""
        told = optional_time(self.node)
        return told or optional_time(self.leaf.around.get("entry", {}), "time") or self.received_at

    @cached_property
    def ms(self) -> int:
        """`at` in Unix milliseconds: part of the key of what has no id."""
        return round(self.at.timestamp() * 1000)

    @cached_property
    def by_us(self) -> bool:
        """Whether the account made it: an echo, or what it did itself."""
        echo = optional_node(self.node, "message").get("is_echo") is True
        return echo or optional_id(optional_node(self.node, "sender"), "id") == self.account.id

    @cached_property
    def other(self) -> ContactPoint:
        """The customer: whichever side is not the account.

        A person is known by an id that this page or account alone has for them (PSID, IGSID), or, as a guest of the
        former chat plugin, by the reference that the website gave.

        Raises:
            UnreadableError: nobody is named.
        """
        sender, recipient = optional_node(self.node, "sender"), optional_node(self.node, "recipient")
        sides = (recipient, sender) if optional_id(sender, "id") == self.account.id else (sender, recipient)
        for side in sides:
            if (id_ := optional_id(side, "id")) and (id_ != self.account.id or side is sides[0]):
                return self.point(id_)
            if reference := optional_id(side, "user_ref"):
                return self.guest(reference)
        if reference := optional_id(optional_node(self.node, "optin"), "user_ref"):
            return self.guest(reference)
        raise UnreadableError("neither a sender nor a recipient")

    def point(self, id_: str) -> ContactPoint:
        """The contact point of an id of this account's."""
        return ContactPoint(self.account.kind, self.account.id, id_)

    def guest(self, reference: str) -> ContactPoint:
        """The contact point of a website's reference."""
        return ContactPoint(f"{self.account.kind}_user_ref", self.account.id, reference)

    @cached_property
    def customer(self) -> Party:
        """The customer, with what an earlier message under another reference tells.

        Source: .../messenger-platform/webhooks/webhook-events/messages, `prior_message` (2026-03).
        """
        before = optional_id(optional_node(self.node, "prior_message"), "identifier")
        return Party((self.other, self.guest(before)) if before else (self.other,))

    @property
    def us(self) -> Party:
        """The account; it has no contact point of a customer's."""
        return Party()

    @property
    def conversation(self) -> str:
        """The thread: the account's id and the customer's, `"1065...:2496..."`."""
        return f"{self.account.id}:{self.other.value}"
