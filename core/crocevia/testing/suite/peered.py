"""What the tests of silver and gold have in common: a vendor account each, and what its author says there is not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, get_args

import pytest

from crocevia.connector import Connector
from crocevia.errors import RemoteError
from crocevia.model import Message, Receipt
from crocevia.testing.peer import CRMPeer, Peer, Trouble
from crocevia.testing.suite.subject import Subject, Tier, expect

TEXT = "Perché no? 5 € < 6 & \"tre\" 'due'\n+39 #1 100% 🎉"
_PLAIN_TROUBLES = frozenset({"down", "lost answer", "garbled answer", "unauthorised", "gone"})


class Peered:
    """Tests against a peer."""

    subject: ClassVar[Subject]
    tier: ClassVar[Tier] = "silver"

    @contextmanager
    def at_peer(self, *mixins: type[Any]) -> Iterator[tuple[Any, Any]]:
        """A peer and a connector that speaks with it; skips where the connector is none of `mixins`."""
        self.needs(*mixins)
        with self.subject.at_peer() as (peer, connector):
            yield peer, connector

    def needs(self, *mixins: type[Any]) -> None:
        """Skip where the connector is none of them."""
        if mixins and not issubclass(self.subject.connector_class, mixins):
            pytest.skip(f"the connector is no {' or '.join(mixin.__name__ for mixin in mixins)}")

    def said(self, peer: Peer, *names: str) -> None:
        """Skip with the author's reason where the vendor has not one of these; fail where nothing is said of it."""
        self.left_out(peer, *names)
        for name in names:
            expect(
                _is_written(peer, name),
                f"{type(peer).__name__} says nothing of '{name}': write it, or say in `without` why there is none",
            )

    def left_out(self, peer: Peer, *names: str) -> None:
        """Skip with the author's reason where one of these is among those that the vendor has not."""
        for name in names:
            if name in peer.without:
                pytest.skip(peer.without[name])

    def again(self, peer: Peer) -> Connector[Any]:
        """A new connector, as after a restart."""
        return peer.connector(self.subject.connector_class)

    def made(self, peer: Peer, text: str = TEXT) -> Message:
        """A message that the vendor would take."""
        message = self.subject.message(peer, text)
        expect(message, "no sample shows a customer to answer: give the peer a `message`")
        assert message is not None  # noqa: S101 - expect has failed otherwise
        return message

    def send(self, peer: Peer, connector: Any) -> Receipt:
        """Send what the vendor would take."""
        message = self.made(peer)
        receipts: list[Receipt] = []
        error = refusal(lambda: receipts.append(connector.send(message)))
        expect(error is None, f"a message that the vendor would take is refused: {error}")
        return receipts[0]


def _is_written(peer: Peer, name: str) -> bool:
    if name in get_args(Trouble):
        arranged = name in peer.troubles or _overrides(peer, "fail_next")
        return name in _PLAIN_TROUBLES or (arranged and (name != "throttled" or peer.waits is not None))
    return _overrides(peer, name)


def _overrides(peer: Peer, name: str) -> bool:
    return any(name in cls.__dict__ for cls in type(peer).__mro__ if cls not in (Peer, CRMPeer))


def refusal(call: Any) -> RemoteError | None:
    """The RemoteError that a call raises; None when it raises none. Any other exception fails the test."""
    try:
        call()
    except RemoteError as error:
        return error
    except Exception as error:
        reason = f"{type(error).__name__} instead of a RemoteError"
        raise AssertionError(reason) from error
    return None


def named(error: RemoteError | None) -> str:
    """How a refusal is called in a message for the author."""
    return "no error" if error is None else type(error).__name__
