"""Silver: the vendor finds the address, a secret can be changed, and what was signed long ago is not believed."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from attrs import evolve

from crocevia.connector import ReceivesWebhooks
from crocevia.errors import SignatureError
from crocevia.signatures import Request
from crocevia.testing.suite.peered import Peered
from crocevia.testing.suite.subject import NOW, expect

_LONG = timedelta(days=3650)
_MOMENT = timedelta(seconds=2)


class Handshakes(Peered):
    """Tests of `challenge`, and of `verify` over time."""

    def test_the_handshake_is_answered(self) -> None:
        """The vendor's own request is answered as it wants; with another connection's secret it is refused."""
        self.needs(ReceivesWebhooks)
        if self.subject.connector_class.challenge is ReceivesWebhooks.challenge:  # type: ignore[attr-defined]  # a mixin's
            pytest.skip("the connector answers no handshake")
        with self.at_peer() as (peer, connector):
            self.said(peer, "handshake")
            request, wanted = peer.handshake()
            answer = connector.challenge(request)
            expect(answer == wanted, f"the handshake is answered with {answer!r}, and the vendor wants {wanted!r}")
            other = self.subject.connector(settings=self.subject.with_secrets(lambda secret: f"{secret}x"))
            try:
                answer = other.challenge(request)  # type: ignore[attr-defined]  # as above
            except SignatureError:
                return
            expect(answer is None, "a handshake meant for another connection's secret is answered")

    def test_a_delivery_is_no_handshake(self) -> None:
        """What the vendor pushes goes on to be verified and kept."""
        self.needs(ReceivesWebhooks)
        connector: Any = self.subject.connector()
        for sample in self.subject.samples:
            request = self._webhook(sample.body)
            answer = None if sample.stream else connector.challenge(request)
            expect(answer is None, f"{sample.name} is taken for a handshake, and lost")

    def test_both_secrets_are_good_while_one_replaces_the_other(self) -> None:
        """Nothing is refused in between, where the settings can hold two."""
        with self.at_peer(ReceivesWebhooks) as (peer, _):
            self.said(peer, "both_secrets")
            body = self._body()
            fresh = self.subject.with_secrets(lambda secret: f"{secret}-fresh")
            both: Any = self.subject.connector(settings=peer.both_secrets(fresh))
            for which, settings in (("old", self.subject.settings), ("new", fresh)):
                self._accept(both, self._webhook(body, settings), f"while both hold, what the {which} secret signed")

    def test_a_new_secret_ends_the_old_one(self) -> None:
        """After the change the new one is good, and the old one no longer."""
        self.needs(ReceivesWebhooks)
        if self.subject.sign is None or not self.subject.secrets or self.subject.keys:
            pytest.skip("no sign=, no Secret among the settings, or a key pair")
        fresh = self.subject.with_secrets(lambda secret: f"{secret}-fresh")
        connector: Any = self.subject.connector(settings=fresh)
        body = self._body()
        self._accept(connector, self._webhook(body, fresh), "what the new secret signed")
        expect(self._refused(connector, self._webhook(body)), "what the old secret signed is accepted after the change")

    def test_what_was_signed_long_ago_is_refused(self) -> None:
        """A webhook that was listened to cannot be played again later, nor one from the future."""
        with self.at_peer(ReceivesWebhooks) as (peer, connector):
            if self.subject.sign is None:
                pytest.skip("give sign=(body, settings) -> headers")
            body, window = self._body(), peer.replay_window
            if window is None:
                refused = self._refused(connector, self._webhook(body), NOW + _LONG)
                expect(not refused, "verify looks at the time: say in `replay_window` how far it may be off")
                pytest.skip("the vendor signs no time; a replay is recognised by its keys")
            for off in (-window - _MOMENT, window + _MOMENT, _LONG):
                request = evolve(self._webhook(body), headers=_lower(peer.sign_at(body, NOW - off)))
                expect(self._refused(connector, request), f"what was signed {off} ago is accepted")

    def test_clocks_may_differ_a_little(self) -> None:
        """Within the window, the vendor's clock may be before ours or behind."""
        with self.at_peer(ReceivesWebhooks) as (peer, connector):
            window = peer.replay_window
            if window is None:
                pytest.skip("the vendor signs no time")
            body = self._body()
            for off in (-window + _MOMENT, timedelta(0), window - _MOMENT):
                request = evolve(self._webhook(body), headers=_lower(peer.sign_at(body, NOW - off)))
                self._accept(connector, request, f"what was signed {off} ago")

    def _body(self) -> bytes:
        bodies = [sample.body for sample in self.subject.samples if not sample.stream]
        return bodies[0] if bodies else b"{}"

    def _webhook(self, body: bytes, settings: Any = None) -> Request:
        sign = self.subject.sign
        return self.subject.request(body, {} if sign is None else sign(body, settings or self.subject.settings))

    def _accept(self, connector: Any, request: Request, what: str) -> None:
        if self.subject.sign is None:
            pytest.skip("give sign=(body, settings) -> headers")
        expect(not self._refused(connector, request), f"{what} is refused")

    def _refused(self, connector: Any, request: Request, now: Any = NOW) -> bool:
        try:
            connector.verify(request, now, self.subject.keys)
        except SignatureError:
            return True
        return False


def _lower(headers: Any) -> dict[str, str]:
    return {name.lower(): value for name, value in headers.items()}
