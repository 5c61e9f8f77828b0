"""What people do in a run: customers at the vendor, colleagues in the CRMs."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
from attrs import define, field

from crocevia.errors import CroceviaError
from tests.faults.schedule import BYSTANDERS, CUSTOMERS, KNOWN, LEAVER, Deed
from tests.faults.site import Site

_AGAIN_S = 0.4
_PARTY = "model.party.party"
_MECHANISM = "model.party.contact_mechanism"
_TOUCH = "model.crocevia.interaction"


class NotYetError(Exception):
    """What the deed is about has not arrived."""


@define(eq=False)
class People:
    """Do the deeds of a schedule, each at its time or as soon as what it is about is there.

    Attributes:
        made: The vendor's ids of messages, by the deeds' ids.
        texts: What each message came to: its last text, None once it is revoked; by the vendor's id.
        answers: Texts of the answers that were written, and in which CRM.
        typed: What colleagues typed last: `{(customer, field, CRM): value}`.
        deleted: Salesforce contacts that a colleague deleted or merged away.
        created: Names of the people whom colleagues entered themselves, and in which CRM.
        waiting: Deeds not done yet.
    """

    site: Site
    made: dict[str, str] = field(factory=dict)
    texts: dict[str, str | None] = field(factory=dict)
    answers: dict[str, str] = field(factory=dict)
    typed: dict[tuple[int, str, str], str | None] = field(factory=dict)
    deleted: list[str] = field(factory=list)
    created: dict[str, str] = field(factory=dict)
    waiting: list[Deed] = field(factory=list)
    contacts: dict[int, str] = field(factory=dict)
    done: int = 0
    _parties: dict[int, int] = field(factory=dict)
    _bystanders: list[str] = field(factory=list)
    _pool: ThreadPoolExecutor = field(factory=lambda: ThreadPoolExecutor(8, thread_name_prefix="repeat"))

    @property
    def numbers(self) -> tuple[str, ...]:
        """The customers' numbers, then the bystanders'."""
        return self.site.schedule.numbers

    def before(self) -> None:
        """What Salesforce holds when the daemon is started for the first time."""
        for who in range(KNOWN):
            national = self.numbers[who][2:]
            phone = (f"+39 {national}", national, f"0039{national}", f"{national[:3]} {national[3:]}")[who % 4]
            self.contacts[who] = self.site.org.create(
                "Contact", {"FirstName": f"Nome{who}", "LastName": f"Noto{who}", "MobilePhone": phone}
            )
        for number in range(BYSTANDERS):
            values = {"LastName": f"Passante{number}", "MobilePhone": f"+{self.numbers[CUSTOMERS + number]}"}
            self._bystanders.append(self.site.org.create("Contact", values))

    def play(self, began: float, over: threading.Event) -> None:
        """Do everything; come back to what cannot be done yet until `over` is set."""
        self.waiting = list(self.site.schedule.deeds)
        later: list[Deed] = []
        while (self.waiting or later) and not over.is_set():
            now = time.monotonic() - began
            due = [deed for deed in self.waiting if deed.at_s <= now]
            self.waiting = self.waiting[len(due) :]
            again: list[Deed] = []
            for deed in (*later, *due):
                if any(deed.verb.split()[0] == one.verb.split()[0] and deed.who == one.who for one in again):
                    again.append(deed)  # in their order
                    continue
                try:
                    self._do(deed)
                    self.done += 1
                except NotYetError:
                    again.append(deed)
            later = again
            over.wait(_AGAIN_S if later and not due else 0.02)
        self.waiting += later
        self._pool.shutdown()

    def _do(self, deed: Deed) -> None:
        try:
            getattr(self, "_" + deed.verb.replace(" ", "_"))(deed)
        except (CroceviaError, requests.HTTPError) as error:
            raise NotYetError(str(error)) from error  # a record is locked, say: people try again

    # Each verb is a method: "email in tryton" is `_email_in_tryton`.

    # --- customers ----------------------------------------------------------------------------------------------------

    def _text(self, deed: Deed) -> None:
        who = deed.who
        id_ = self.site.customers.text(self.numbers[who], str(deed.text), name=f"Cliente{who}")
        self.made[deed.id] = id_
        self.texts[id_] = deed.text

    def _edit(self, deed: Deed) -> None:
        of = self._message(deed)
        self.site.customers.edit(self.numbers[deed.who], of, str(deed.text))
        self.texts[of] = deed.text

    def _revoke(self, deed: Deed) -> None:
        of = self._message(deed)
        self.site.customers.revoke(self.numbers[deed.who], of)
        self.texts[of] = None

    def _react(self, deed: Deed) -> None:
        self.site.customers.react(self.numbers[deed.who], self._message(deed), str(deed.text))

    def _message(self, deed: Deed) -> str:
        if deed.of not in self.made:
            raise NotYetError(deed.of)
        return self.made[deed.of]

    def _repeat(self, deed: Deed) -> None:
        """What the vendor delivered some time ago comes again, many times at once."""
        rows = self.site.vendor_rows("SELECT body FROM deliveries ORDER BY n")
        if not rows:
            raise NotYetError("deliveries")
        body = rows[(deed.who * 7 + deed.times) % len(rows)]["body"]
        for _ in range(deed.times):
            self._pool.submit(self.site.repost, body)

    # --- colleagues in Salesforce -------------------------------------------------------------------------------------

    def contact(self, who: int) -> str:
        """The customer's contact. Raises NotYetError before there is one."""
        if who not in self.contacts:
            message = self.made.get(f"{who}.0", "")
            query = f"SELECT Contact__c FROM Interaction__c WHERE Message_Id__c = '{message}'"
            rows = self.site.org.query(query) if message else []
            if not rows or not rows[0]["Contact__c"]:
                raise NotYetError(f"contact of {who}")
            self.contacts[who] = rows[0]["Contact__c"]
        return self.contacts[who]

    def _type(self, who: int, field_: str, values: dict[str, Any], typed: str | None) -> None:
        self.site.org.call("PATCH", f"/_simulator/records/Contact/{self.contact(who)}", json=values)
        self.typed[who, field_, "salesforce"] = typed

    def _name(self, deed: Deed) -> None:
        first, last = str(deed.text).split()
        self._type(deed.who, "name", {"FirstName": first, "LastName": last}, deed.text)

    def _email(self, deed: Deed) -> None:
        self._type(deed.who, "email", {"Email": deed.text}, deed.text)

    def _phone(self, deed: Deed) -> None:
        self._type(deed.who, "phone", {"Phone": deed.text}, deed.text)

    def _answer(self, deed: Deed) -> None:
        query = f"SELECT Id, Contact__c FROM Interaction__c WHERE Message_Id__c = '{self._message(deed)}'"
        rows = self.site.org.query(query)
        if not rows or not rows[0]["Contact__c"]:
            raise NotYetError(deed.of)
        self.site.org.call("POST", f"/contacts/{rows[0]['Contact__c']}/reply", data={"text": deed.text})
        self.answers[str(deed.text)] = "salesforce"

    def _create(self, deed: Deed) -> None:
        first, last = str(deed.text).split()
        self.site.org.create("Contact", {"FirstName": first, "LastName": last, "Email": f"n{last}@example.com"})
        self.created[str(deed.text)] = "salesforce"

    def _delete(self, deed: Deed) -> None:
        contact = self.contact(LEAVER)
        self.site.org.call("DELETE", f"/_simulator/records/Contact/{contact}")
        self.deleted.append(contact)

    def _merge(self, deed: Deed) -> None:
        master, loser = self._bystanders[-2:]
        self.site.org.call("POST", f"/_simulator/records/Contact/{master}/merge", json={"losers": [loser]})
        self.deleted.append(loser)

    # --- colleagues in Tryton -----------------------------------------------------------------------------------------

    def _rpc(self, method: str, *given: Any) -> Any:
        assert self.site.clerk is not None
        return self.site.clerk.call(method, *given)

    def _touch(self, message: str) -> dict[str, Any]:
        domain = [["message_id", "=", message]]
        rows = self._rpc(f"{_TOUCH}.search_read", domain, 0, 1, None, ["party"])
        if not rows or not rows[0]["party"]:
            raise NotYetError(message)
        return dict(rows[0])

    def _party(self, who: int) -> int:
        if who not in self._parties:
            if f"{who}.0" not in self.made:
                raise NotYetError(f"party of {who}")
            self._parties[who] = self._touch(self.made[f"{who}.0"])["party"]
        return self._parties[who]

    def _name_in_tryton(self, deed: Deed) -> None:
        self._rpc(f"{_PARTY}.write", [self._party(deed.who)], {"name": deed.text})
        self.typed[deed.who, "name", "tryton"] = deed.text

    def _email_in_tryton(self, deed: Deed) -> None:
        party = self._party(deed.who)
        found = self._rpc(f"{_MECHANISM}.search", [["party", "=", party], ["type", "=", "email"]], 0, None, None)
        if deed.text is None:
            self._rpc(f"{_MECHANISM}.delete", found)
        elif found:
            self._rpc(f"{_MECHANISM}.write", found[:1], {"value": deed.text})
        else:
            self._rpc(f"{_MECHANISM}.create", [{"party": party, "type": "email", "value": deed.text}])
        self.typed[deed.who, "email", "tryton"] = deed.text

    def _answer_in_tryton(self, deed: Deed) -> None:
        touch = self._touch(self._message(deed))
        self._rpc(f"{_TOUCH}.create", [{"reply_to": touch["id"], "body": deed.text}])
        self.answers[str(deed.text)] = "tryton"

    def _create_in_tryton(self, deed: Deed) -> None:
        row = {
            "name": deed.text,
            "contact_mechanisms": [
                ["create", [{"type": "email", "value": f"{str(deed.text).split()[1]}@t.example.com"}]]
            ],
        }
        self._rpc(f"{_PARTY}.create", [row])
        self.created[str(deed.text)] = "tryton"
