"""One customer on every road, and the shop's answers to her."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from attrs import define, field

from crocevia_demo.company import Company, DemoError
from crocevia_demo.roads import Site, Sofia, Till
from crocevia_demo.town.book import Book

_PATIENCE_S = 20.0
_LOOK_S = 0.1
_CALL_S = 2
_ANSWERS = {
    "whatsapp": "Buongiorno Sofia, la cargo bike è arrivata!",
    "sms": "Confermato: sabato alle 10.",
    "email": "In allegato trova il preventivo.\n\nCiclofficina Po",
    "site": "Sì, anche con carta.",
    "messenger": "Ecco le foto richieste.",
    "page": "Grazie Sofia, a sabato!",
    "instagram": "Quella verde è ancora disponibile.",
}
"""What the shop answers, by road; who telephones and who comes to the shop has been answered."""
_PLACES = {"page": "messenger", "instagram": "instagram"}
"""The road of what is said there in private."""


@define
class Journey:
    """Sofia takes every road; `made` is what she did, by road, in the order in which she did it."""

    company: Company
    tell: Callable[[str], None]
    made: dict[str, str] = field(factory=dict)
    answers: dict[str, str] = field(factory=dict)
    sofia: Sofia = field(factory=Sofia)

    def play(self, ledger: Path) -> None:
        """From the shop to the web site, and the shop's answers after that.

        Raises:
            DemoError: something has not arrived in the CRM.
        """
        company, sofia = self.company, self.sofia
        book, town = Book(ledger), company.town
        till = Till(company.daemon.url, company.secret("till"), book)
        site = Site(company.daemon.url, company.secret("site"), book)
        self._step("till", till.receipt("4711", sofia))
        till.form(sofia)
        text = {"type": "text", "text": "Avete cargo bike a noleggio?", "name": "Sofia"}
        self._step("whatsapp", company.vendor.deed(sofia.number, "messages", text))
        self._wait(lambda: town.state()["heard"])
        self._step("phone", town.deed("calls", **{"from": "+" + sofia.number}, seconds=_CALL_S))
        self._step("sms", town.deed("texts", **{"from": "+" + sofia.number}, text="Va bene sabato?"))
        mail = {"from": f"{sofia.name} <{sofia.email}>", "subject": "Preventivo", "text": "Mi mandate un preventivo?"}
        self._step("email", town.deed("mails", **mail))
        site.begin(None)
        site.begin(sofia)
        self._step("site", site.write("Si può pagare alla consegna?"))
        self._social(book)
        self._answer(site, book)

    def _social(self, book: Book) -> None:
        """Where she shows no number and no address, the CRM's user says who she is, and merges two contacts."""
        company, name = self.company, self.sofia.name
        [whose] = {row["Contact__c"] for row in self._wait(self._together)}
        for road, place in (("messenger", "page"), ("instagram", "instagram")):
            made = company.social.message(place, name, "Mi mandate due foto?")
            book.sent(road, made, "message", name)
            self._step(road, made)
            [other] = company.org.interactions("Message_Id__c", made)
            company.org.merge(whose, other["Contact__c"])
            self._wait(self._together)
        made = company.social.comment(name, "Bravissimi, ci vediamo sabato")
        book.sent("page", made, "comment", name)
        self._step("page", made)

    def _step(self, road: str, key: str) -> None:
        """It is done; go on when the CRM shows it, so that the order is known."""
        self.tell(f"Sofia: {road}")
        self.made[road] = key
        self._wait(lambda: self.company.org.interactions("Message_Id__c", key))

    def _answer(self, site: Site, book: Book) -> None:
        """The CRM's user answers on each road; what comes to the web site is read there."""
        [whose] = {row["Contact__c"] for row in self._wait(self._together)}
        for road, words in _ANSWERS.items():
            values = {"Contact__c": whose, "Connection__c": road, "Direction__c": "Outbound", "Status__c": "To Send"}
            values |= {"Public__c": "true"} if road == "page" else {}
            self.answers[road] = self.company.org.create("Interaction__c", {**values, "Body__c": words})
        for line in self._wait(site.read):
            book.received("site", line["key"], site.visitor, line["key"])
        for said in self._wait(self._said):
            road = "page" if said["public"] else _PLACES[said["place"]]
            key = self._wait(partial(self.company.org.key, self.answers[road]))
            book.received(road, said["id"], said["to"], key if said["text"] == _ANSWERS[road] else "")

    def _said(self) -> list[dict[str, Any]]:
        said = self.company.social.said()
        return said if len(said) >= len(_PLACES) + 1 else []

    def _together(self) -> list[dict[str, Any]]:
        """Everything that she has done, once it is all one contact's."""
        org = self.company.org
        rows = [row for key in self.made.values() for row in org.interactions("Message_Id__c", key)]
        return rows if len({row["Contact__c"] for row in rows}) == 1 else []

    def _wait(self, look: Callable[[], Any]) -> Any:
        deadline = time.monotonic() + _PATIENCE_S
        while not (found := look()):
            if time.monotonic() > deadline:
                raise DemoError(
                    f"Sofia's {', '.join(self.made)}: not one contact's in the CRM within {_PATIENCE_S:.0f} s"
                )
            time.sleep(_LOOK_S)
        return found
