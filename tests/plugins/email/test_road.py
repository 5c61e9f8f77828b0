"""The whole road: a mail is a customer and a touch in a CRM, and an answer written there goes out in its thread."""

import email
from collections.abc import Callable, Iterator
from email.policy import default
from typing import Any

import pytest
from attrs import define

from crocevia import Connector, Raw
from crocevia.store import journal
from crocevia.store.tables import commands, interactions, profiles
from crocevia.testing import FakeClock
from crocevia_email import Email
from tests.plugins.email.conftest import NOW, mail, make_settings
from tests.plugins.email.mail_peer import MailPeer
from tests.plugins.road import Hub, empty_store, hub

__all__ = ["empty_store", "hub"]
PROOF = "Authentication-Results: mx.shop.example; dmarc=pass header.from=example.com"
MakeHub = Callable[[Connector[Any]], Hub]


@define
class Shop:
    """A hub with a mailbox, and the mail server behind it."""

    hub: Hub
    peer: MailPeer

    def arrive(self, *mails: bytes, folder: str = "INBOX") -> None:
        """Mails are heard, as the listener keeps them."""
        headers = {"imap-folder": folder, "imap-validity": "1", "imap-uid": "1"}
        journal.commit(
            self.hub.store,
            [
                Raw(
                    connection="road",
                    kind="email",
                    body=body,
                    received_at=self.hub.clock.now(),
                    headers=headers,
                    source="stream",
                    stream="listening",
                )
                for body in mails
            ],
        )
        self.hub.settle()

    def answer(self, text: str, **more: Any) -> None:
        """Somebody answers the customer in the CRM."""
        [person] = self.hub.crm.records()
        self.hub.crm.create("Touch", person=person, direction="outbound", status="to send", text=text, **more)
        self.hub.settle()

    def who_wrote(self) -> list[int]:
        """The profile of each touch, in the order in which they were logged."""
        return [row["profile_id"] for row in self.hub.rows(interactions)]


@pytest.fixture
def shop(hub: MakeHub) -> Iterator[Shop]:
    """With an empty store."""
    clock = FakeClock(NOW)
    peer = MailPeer(make_settings(), clock)
    yield Shop(hub(peer.connector(Email)), peer)
    peer.close()


def test_a_mail_is_a_customer_and_a_touch_in_the_crm(shop: Shop) -> None:
    """Once, however often it is heard, from whichever folder and with whatever servers wrote above it."""
    body = mail(PROOF, "Subject: Taglie", text="Avete la M?")
    shop.arrive(body, body, b"Received: by another\r\n" + body)
    [person] = shop.hub.crm.records().values()
    assert "anna@example.com" in str(person)
    assert shop.hub.touches() == [("inbound", "Avete la M?", "received")]


def test_an_address_that_is_not_proven_identifies_nobody(shop: Shop) -> None:
    """Anna is known by a mail that is proven to be hers; whoever only writes her name above is somebody else."""
    shop.arrive(mail(PROOF, "Message-ID: <1@x>"), mail(PROOF, "Message-ID: <2@x>"))
    shop.arrive(mail("Message-ID: <3@x>"), mail("Authentication-Results: evil.test; dmarc=pass", "Message-ID: <4@x>"))
    first, second, *forged = shop.who_wrote()
    assert first == second
    assert first not in forged
    assert len(shop.hub.rows(profiles)) > 1


def test_an_answer_of_the_crm_goes_out_in_the_thread(shop: Shop) -> None:
    """To the customer, below her mail; the copy in the folder of sent mail is no second touch."""
    shop.arrive(mail(PROOF, "Subject: Taglie", "References: <0@example.com>"))
    shop.answer("Sì, in blu.", subject="Taglie")
    [taken] = shop.peer.taken
    sent = email.message_from_bytes(taken.said, policy=default)
    shop.arrive(taken.said, folder="Sent")
    assert (sent["To"], sent["References"].split()[0]) == ("anna@example.com", "<0@example.com>")
    assert shop.hub.touches() == [("inbound", "Buongiorno", "received"), ("outbound", "Sì, in blu.", "sent")]


def test_a_bounce_is_a_failure_of_the_answer(shop: Shop) -> None:
    """Told where it was written."""
    shop.arrive(mail(PROOF))
    shop.answer("Sì.")
    [report] = shop.peer.statuses(shop.peer.taken[0])
    shop.arrive(report.body)
    assert shop.hub.touches() == [("inbound", "Buongiorno", "received"), ("outbound", "Sì.", "failed")]


def test_a_send_without_an_answer_is_parked_and_settled_by_its_copy(shop: Shop) -> None:
    """It is never sent again: the customer has it once."""
    shop.arrive(mail(PROOF))
    shop.peer.fail_next("lost answer")
    shop.answer("Sì.")
    assert [row["state"] for row in shop.hub.rows(commands)] == ["unknown"]
    shop.arrive(shop.peer.taken[0].said, folder="Sent")
    assert [row["state"] for row in shop.hub.rows(commands)] == ["done"]
    assert len(shop.peer.taken) == 1
    assert shop.hub.touches() == [("inbound", "Buongiorno", "received"), ("outbound", "Sì.", "sent")]


def test_what_a_colleague_sent_by_her_own_program_is_told_too(shop: Shop) -> None:
    """Outbound, with the same customer."""
    shop.arrive(mail(PROOF))
    theirs = mail("To: anna@example.com", "Message-ID: <9@laptop>", text="A domani", sender="info@shop.example")
    shop.arrive(theirs, folder="Sent")
    assert shop.hub.touches() == [("inbound", "Buongiorno", "received"), ("outbound", "A domani", "sent")]
    assert len(set(shop.who_wrote())) == 1
