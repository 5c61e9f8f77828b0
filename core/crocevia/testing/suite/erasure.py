"""Gold: who is to be forgotten is forgotten, however often that is asked."""

from __future__ import annotations

from typing import ClassVar

from crocevia.connector import Erases
from crocevia.errors import GoneError, RemoteError
from crocevia.model import Written
from crocevia.testing.suite.peered import Peered
from crocevia.testing.suite.subject import Tier, expect

_UNKNOWN = "crocevia-unknown"


class Erasure(Peered):
    """Tests of `erase`."""

    tier: ClassVar[Tier] = "gold"

    def test_each_ref_has_its_outcome(self) -> None:
        """In the order asked for, one that the vendor does not know among them; what was known is gone there."""
        with self.at_peer(Erases) as (peer, connector):
            self.said(peer, "erasable", "remembers")
            first, second, third = peer.erasable()
            asked = [second, _UNKNOWN, first]
            outcomes = connector.erase(asked)
            expect(len(outcomes) == len(asked), f"{len(outcomes)} outcomes for {len(asked)} refs")
            odd = [type(outcome).__name__ for outcome in outcomes if not isinstance(outcome, Written | RemoteError)]
            expect(not odd, f"outcomes of type {', '.join(odd)}")
            shown = [type(outcome).__name__ for outcome in outcomes]
            expect(isinstance(outcomes[0], Written) and isinstance(outcomes[2], Written), f"outcomes: {shown}")
            expect(isinstance(outcomes[1], Written | GoneError), f"of a ref that is not there: {shown[1]}")
            left = [ref for ref in (first, second) if peer.remembers(ref)]
            expect(not left, f"the vendor still remembers {len(left)} of 2 that it was asked to forget")
            expect(peer.remembers(third), "the vendor forgot somebody whom nobody asked it to forget")

    def test_asked_again_it_stays_forgotten(self) -> None:
        """After a crash the same is asked again: done, or gone, and no error that would park it."""
        with self.at_peer(Erases) as (peer, connector):
            self.said(peer, "erasable")
            refs = list(peer.erasable())
            connector.erase(refs)
            again = connector.erase(refs)
            bad = [type(outcome).__name__ for outcome in again if not isinstance(outcome, Written | GoneError)]
            expect(len(again) == len(refs) and not bad, f"asked again: {bad or len(again)}")
