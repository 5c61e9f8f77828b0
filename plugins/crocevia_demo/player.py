"""Plays the script: customers at the vendor, the CRM's user on the CRM's pages."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

from attrs import define, field

from crocevia_demo.company import DemoError
from crocevia_demo.day import Day, Deed
from crocevia_demo.doors import Org, Vendor

_PATIENCE_S = 20.0
_REACTION_PATIENCE_S = 4.0
_LOOK_S = 0.1
_TURIN = {"latitude": 45.0690, "longitude": 7.6934, "address": "Via Montebello 20, Torino"}


@define
class Player:
    """Plays one day.

    Attributes:
        made: What deeds made, by the deeds' ids: a message's id at the vendor, an answer's record in the CRM.
        contacts: Record ids of the contacts of before the day, by customer.
        addresses: Where each customer is reached now.
        edits: The last text of each edited message, by its id at the vendor.
        corrected: What the CRM's user typed, by contact.
        missed: Deeds that could not be done, with the reason.
        played: How many deeds were done or missed.
    """

    day: Day
    vendor: Vendor
    org: Org
    made: dict[str, str] = field(factory=dict)
    contacts: dict[str, str] = field(factory=dict)
    addresses: dict[str, str] = field(factory=dict)
    edits: dict[str, str] = field(factory=dict)
    corrected: dict[str, dict[str, str]] = field(factory=dict)
    missed: list[dict[str, str]] = field(factory=list)
    played: int = 0
    _last: dict[str, str] = field(factory=dict)

    @property
    def late(self) -> set[str]:
        """Records of the answers that the channel takes no more."""
        return {self.made[deed.id] for deed in self.day.deeds if deed.late and deed.id in self.made}

    def before(self) -> None:
        """What the CRM knows before the shop opens."""
        for customer in self.day.cast.customers:
            self.addresses[customer.id] = customer.address
            if customer.contact is not None:
                self.contacts[customer.id] = self.org.create("Contact", customer.contact)
        for contact in self.day.cast.bystanders:
            self.org.create("Contact", contact)

    def play(self, each: Callable[[Deed], None]) -> None:
        """Do every deed in order; `each` is told before.

        Raises:
            requests.RequestException: a neighbour is gone, or refuses what the script says.
        """
        for deed in self.day.deeds:
            each(deed)
            try:
                self._do(deed)
            except DemoError as error:
                self.missed.append({"deed": f"{deed.verb} of {deed.who} {deed.id}".rstrip(), "reason": str(error)})
            self.played += 1
            time.sleep(deed.pause_s)

    def _do(self, deed: Deed) -> None:
        if deed.verb == "answer":
            self.made[deed.id] = self.org.answer(self._contact(deed), deed.text)
        elif deed.verb == "correct":
            contact = self._contact(deed)
            self.org.edit(contact, deed.values)
            self.corrected[contact] = {**self.corrected.get(contact, {}), **deed.values}
        elif deed.verb == "close window":
            self._contact(deed)  # the daemon knows of the customer's last message, and knows no better than to send
            self._answered(deed.who)
            self.vendor.deed(self.addresses[deed.who], "window", {})
        else:
            made = self._customer(deed)
            if deed.id:
                self.made[deed.id] = made

    def _customer(self, deed: Deed) -> str:
        """Let a customer do something; return the id of the message it makes."""
        address = self.addresses[deed.who]
        customer = next(one for one in self.day.cast.customers if one.id == deed.who)
        known: dict[str, Any] = {"name": customer.name} if customer.name else {}
        if deed.ago > timedelta():
            known["at"] = time.time() - deed.ago.total_seconds()
        match deed.verb:
            case "text":
                if deed.of:
                    self._contact(deed)
                made = self.vendor.deed(address, "messages", {"type": "text", "text": deed.text, **known})
            case "photo":
                made = self.vendor.deed(address, "photos", {"caption": deed.text, **known})
            case "voice":
                audio = {"id": "1908647269898587", "mime_type": "audio/ogg; codecs=opus", "sha256": "", "voice": True}
                made = self.vendor.deed(address, "messages", {"type": "audio", "audio": audio, **known})
            case "location":
                place = {"type": "location", "location": {**_TURIN, "name": deed.text}}
                made = self.vendor.deed(address, "messages", {**place, **known})
            case "edit":
                self.edits[self.made[deed.of]] = deed.text
                return self.vendor.deed(address, "edits", {"of": self.made[deed.of], "text": deed.text})
            case "revoke":
                return self.vendor.deed(address, "revocations", {"of": self.made[deed.of]})
            case "react":
                return self.vendor.deed(address, "reactions", {"of": self._message(deed), "emoji": deed.text})
            case _:
                self._answered(deed.who)
                assert customer.moves_to is not None  # noqa: S101 - the script lets nobody else move
                self.addresses[deed.who] = customer.moves_to
                return self.vendor.deed(address, "number", {"new": customer.moves_to})
        self._last[deed.who] = made
        return made

    def _contact(self, deed: Deed) -> str:
        """The contact under whom the CRM shows a customer's message, once it does."""
        message = self.made[deed.of]
        rows = self._wait(lambda: self.org.interactions("Message_Id__c", message), _PATIENCE_S)
        if not rows:
            raise DemoError(f"message {message} was not in the CRM within {_PATIENCE_S:.0f} s")
        return str(rows[0]["Contact__c"])

    def _answered(self, who: str) -> None:
        """Wait until what the shop has answered a customer has gone out: what comes next would cross it."""
        ids = [
            self.made[deed.id]
            for deed in self.day.deeds
            if (deed.verb, deed.who) == ("answer", who) and deed.id in self.made
        ]
        for id_ in ids:
            self._wait(partial(self._sent, id_), _PATIENCE_S)

    def _sent(self, answer: str) -> list[dict[str, Any]]:
        """The answer's record, once it has gone out."""
        return [row for row in self.org.interactions("Id", answer) if row["Message_Id__c"]]

    def _message(self, deed: Deed) -> str:
        """What a reaction is about; where an answer has not arrived, the customer's own last message."""
        about = self.made.get(deed.of, "")
        if not deed.of.endswith(".answer"):
            return about
        rows = self._wait(partial(self._sent, about), _REACTION_PATIENCE_S)
        return str(rows[0]["Message_Id__c"]) if rows else self._last[deed.who]

    def _wait(self, look: Callable[[], list[dict[str, Any]]], patience_s: float) -> list[dict[str, Any]]:
        deadline = time.monotonic() + patience_s
        while not (found := look()) and time.monotonic() < deadline:
            time.sleep(_LOOK_S)
        return found
