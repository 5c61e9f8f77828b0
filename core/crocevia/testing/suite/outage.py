"""Gold: whatever happens on the way, a message goes out at most once, and what is not known is said so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, ClassVar

import pytest
from attrs import evolve

from crocevia.connector import SendsMessages
from crocevia.errors import AuthError, OutcomeUnknownError, RetryableError, ThrottledError, UndeliverableError
from crocevia.model import StatusReported
from crocevia.testing.suite.peered import Peered, named, refusal
from crocevia.testing.suite.subject import NOW, Tier, expect

_DAY = timedelta(days=1)


class Outages(Peered):
    """Tests of `send` while the vendor, or the way to it, is in trouble."""

    tier: ClassVar[Tier] = "gold"

    def test_a_send_whose_answer_was_lost_is_unknown(self, lost: Any) -> None:
        """It may have gone: never a plain "try again", unless the vendor sends once for one id; and then it does."""
        with self.at_peer(SendsMessages) as (peer, connector):
            message = self.made(peer)
            idempotent = connector.capabilities(message.conversation).idempotent_send
            self.said(peer, lost)
            peer.fail_next(lost)
            error = refusal(lambda: connector.send(message))
            expect(len(peer.taken) == 1, f"{lost}: the vendor took {len(peer.taken)} messages; the peer is to take one")
            if idempotent:
                expect(isinstance(error, OutcomeUnknownError | RetryableError), f"{lost}: {named(error)}")
                again = refusal(lambda: self.again(peer).send(message))  # type: ignore[attr-defined]  # it sends messages
                expect(again is None, f"{lost}, sent again: {named(again)}, and capabilities say idempotent_send")
                expect(
                    len(peer.taken) == 1, f"{lost}, sent again: the customer has it twice, in spite of idempotent_send"
                )
            else:
                expect(
                    isinstance(error, OutcomeUnknownError),
                    f"{lost}: {named(error)} instead of OutcomeUnknownError: the customer may get it twice, or never",
                )

    def test_a_status_settles_what_was_unknown(self) -> None:
        """What the vendor hands back with a status is our id, so that nobody has to guess."""
        with self.at_peer(SendsMessages) as (peer, connector):
            message = self.made(peer)
            if connector.capabilities(message.conversation).idempotent_send:
                pytest.skip("the vendor sends once for one id: it is asked again")
            self.left_out(peer, "callback")
            self.said(peer, "lost answer", "statuses")
            peer.fail_next("lost answer")
            refusal(lambda: connector.send(message))
            told = [event for body in peer.statuses(peer.taken[0]) for event in self.subject.told(connector, body)]
            callbacks = {event.callback for event in told if isinstance(event, StatusReported)}
            expect(callbacks == {message.id}, f"its statuses hand back {callbacks}, not {message.id!r}")

    def test_what_never_left_is_tried_again(self) -> None:
        """While the vendor cannot be reached nothing went; afterwards the message goes once."""
        with self.at_peer(SendsMessages) as (peer, connector):
            message = self.made(peer)
            self.said(peer, "down")
            peer.fail_next("down")
            error = refusal(lambda: connector.send(message))
            expect(isinstance(error, RetryableError), f"nothing was sent: {named(error)} instead of RetryableError")
            error = refusal(lambda: connector.send(message))
            expect(error is None, f"the vendor is there again, and a send comes to {named(error)}")
            expect(len(peer.taken) == 1, f"the vendor took {len(peer.taken)} messages for one")

    def test_too_fast_is_told_in_our_units(self) -> None:
        """Seconds, minutes, a date or a share of a bucket: ThrottledError says how long to wait."""
        with self.at_peer(SendsMessages) as (peer, connector):
            self.said(peer, "throttled")
            peer.fail_next("throttled")
            error = refusal(lambda: connector.send(self.made(peer)))
            expect(isinstance(error, ThrottledError), f"throttled: {named(error)} instead of ThrottledError")
            after = getattr(error, "after", None)
            expect(after == peer.waits, f"the vendor asks to wait {peer.waits}, and the error says {after}")
            expect(not peer.taken, "throttled: the peer took the message all the same")

    def test_bad_credentials_pause_the_connection(self) -> None:
        """AuthError, so that the queue is kept until somebody mends them."""
        with self.at_peer(SendsMessages) as (peer, connector):
            self.said(peer, "unauthorised")
            peer.fail_next("unauthorised")
            error = refusal(lambda: connector.send(self.made(peer)))
            expect(isinstance(error, AuthError), f"credentials refused: {named(error)} instead of AuthError")

    def test_a_closed_window_is_not_tried_again(self) -> None:
        """The vendor's clock has the last word on the reply window: UndeliverableError."""
        with self.at_peer(SendsMessages) as (peer, connector):
            message = self.made(peer)
            if connector.capabilities(message.conversation).reply_window is None:
                pytest.skip("the channel has no reply window")
            self.said(peer, "window closed")
            peer.fail_next("window closed")
            late = evolve(message, last_inbound_at=NOW - 400 * _DAY)
            error = refusal(lambda: connector.send(late))
            expect(isinstance(error, UndeliverableError), f"window closed: {named(error)}, not UndeliverableError")

    def test_a_clock_that_jumps_stops_nothing(self) -> None:
        """A machine whose clock was set a day forward, and back again, goes on sending."""
        with self.at_peer(SendsMessages) as (peer, connector):
            message = self.made(peer)
            for number, jump in enumerate((timedelta(0), _DAY, -2 * _DAY)):
                peer.clock.jump(jump)
                error = refusal(lambda number=number: connector.send(evolve(message, id=f"suite-{number}")))
                expect(error is None, f"after the clock went by {jump}: {named(error)}")
            expect(len(peer.taken) == 3, f"the vendor took {len(peer.taken)} messages for three")
