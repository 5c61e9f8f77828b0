"""Silver: a message goes out once, as it was meant, and is known again when the vendor tells of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from attrs import evolve

from crocevia.connector import SendsMessages
from crocevia.model import Attachment, Button, Capabilities, InteractionSeen, Message, StatusReported
from crocevia.sync.degrade import fit
from crocevia.testing.peer import Peer
from crocevia.testing.suite.peered import Peered, refusal
from crocevia.testing.suite.subject import expect


class Sending(Peered):
    """Tests of `send` while all is well."""

    def test_a_message_goes_out_once_and_as_it_was_meant(self) -> None:
        """The vendor has one message more, with our text, letter for letter, and its id in the receipt."""
        with self.at_peer(SendsMessages) as (peer, connector):
            wanted = self.made(peer).text
            receipt = self.send(peer, connector)
            expect(len(peer.taken) == 1, f"the vendor took {len(peer.taken)} messages for one")
            taken = peer.taken[0]
            expect(taken.text == wanted, f"the customer reads {taken.text!r}, and {wanted!r} was sent")
            expect(receipt.key == taken.key, f"the receipt says {receipt.key!r}, and the vendor's id is {taken.key!r}")

    def test_its_echo_is_no_second_interaction(self) -> None:
        """What the vendor tells of each outgoing message is that very interaction by its key, or a status of it."""
        with self.at_peer(SendsMessages) as (peer, connector):
            self.said(peer, "echoes")
            receipt = self.send(peer, connector)
            told = [event for body in peer.echoes(peer.taken[0]) for event in self.subject.told(connector, body)]
            known = [event for event in told if isinstance(event, StatusReported) and event.of == receipt.key]
            seen = [event for event in told if isinstance(event, InteractionSeen)]
            expect(seen or known, f"the echo is known for {', '.join(event.tag for event in told) or 'nothing'}")
            for event in seen:
                expect(event.key == receipt.key, f"the echo's key is {event.key!r}, not the receipt's: a second touch")
                expect(event.part == "", f"the echo's part is {event.part!r}: not the message that was sent")
                expect(event.direction == "outbound", f"the echo is {event.direction}: the customer did not write it")

    def test_its_statuses_are_told_of_it(self) -> None:
        """Each names the receipt's key and, where the vendor hands it back, our id."""
        with self.at_peer(SendsMessages) as (peer, connector):
            self.said(peer, "statuses")
            receipt = self.send(peer, connector)
            told = [event for body in peer.statuses(peer.taken[0]) for event in self.subject.told(connector, body)]
            reported = [event for event in told if isinstance(event, StatusReported)]
            expect(reported, f"no status is recognised in {', '.join(event.tag for event in told) or 'nothing'}")
            for event in reported:
                expect(
                    event.of == receipt.key, f"the status '{event.status}' is of {event.of!r}, not of {receipt.key!r}"
                )
                expect(event.callback in (None, "suite-1"), f"the status hands back {event.callback!r}, not our id")

    def test_what_is_declared_is_what_the_vendor_takes(self, limit: str) -> None:
        """A message at the limit is taken; one beyond it, which the core never sends, the vendor refuses."""
        with self.at_peer(SendsMessages) as (peer, connector):
            most = self.text(peer, connector)
            declared = connector.capabilities(most.conversation)
            at, beyond = LIMITS[limit](most, declared)
            if at is None:
                pytest.skip(f"the conversation has no {limit}, or no limit of it")
            self.left_out(peer, limit)
            error = refusal(lambda: connector.send(at))
            expect(error is None, f"{limit}: the vendor does not take what capabilities declare: {error}")
            expect(len(peer.taken) == 1, f"{limit}: the vendor took {len(peer.taken)} messages for one")
            if beyond is not None:
                error = refusal(lambda: connector.send(beyond))
                expect(
                    error is not None and len(peer.taken) == 1,
                    f"{limit}: the vendor takes more than capabilities declare; is the peer as strict as the vendor?",
                )

    def test_what_the_core_makes_fit_is_taken(self, excess: str) -> None:
        """What is too much for the channel goes as several messages, or as plain text; the vendor takes each."""
        with self.at_peer(SendsMessages) as (peer, connector):
            message = self.text(peer, connector)
            declared = connector.capabilities(message.conversation)
            if excess == "files" and not declared.media:
                pytest.skip("the conversation carries no files")
            parts = fit(EXCESSES[excess](message, declared), declared, peer.clock.now())
            if isinstance(parts, str):
                pytest.skip(f"refused before it is sent: {parts}")
            for number, part in enumerate(parts, start=1):
                error = refusal(lambda part=part: connector.send(part))
                expect(
                    error is None,
                    f"{excess}: part {number} of {len(parts)} is within capabilities, and refused: {error}",
                )
            expect(len(peer.taken) == len(parts), f"{excess}: the vendor took {len(peer.taken)} of {len(parts)} parts")

    def text(self, peer: Peer, connector: Any) -> Message:
        """A short text that the vendor would take. Skips where the channel carries none."""
        message = self.made(peer, "x")
        if not connector.carries("message"):
            pytest.skip("the channel carries no messages")
        return message


Pair = tuple[Message | None, Message | None]


def _text(message: Message, declared: Capabilities) -> Pair:
    if declared.max_text is None:
        return None, None
    # Letters of two bytes, and one of two UTF-16 units where the limit leaves room: a limit is in characters.
    long = "è" * declared.max_text
    return evolve(message, text=long), evolve(message, text=long + "x")


def _buttons(message: Message, declared: Capabilities) -> Pair:
    if not declared.buttons:
        return None, None
    made = [
        Button(title=_title(number, declared.button_text), id=f"b{number}") for number in range(declared.buttons + 1)
    ]
    return evolve(message, buttons=made[:-1]), evolve(message, buttons=made)


def _button_text(message: Message, declared: Capabilities) -> Pair:
    if not declared.buttons:
        return None, None
    at, beyond = (
        Button(title=_title(1, length), id="b1") for length in (declared.button_text, declared.button_text + 1)
    )
    return evolve(message, buttons=(at,)), evolve(message, buttons=(beyond,))


def _attachments(message: Message, declared: Capabilities) -> Pair:
    if not declared.media:
        return None, None
    return evolve(message, text=None, attachments=_files(declared, declared.max_attachments)), None


def _caption(message: Message, declared: Capabilities) -> Pair:
    if not declared.media or not declared.max_caption:
        return None, None
    length, file = declared.max_caption, _files(declared, 1)
    with_file = evolve(message, attachments=file)
    return evolve(with_file, text="è" * length), evolve(with_file, text="è" * (length + 1))


def _files(declared: Capabilities, count: int) -> tuple[Attachment, ...]:
    kind = next((kind for kind in declared.media if kind.startswith("image")), next(iter(declared.media)))
    file = Attachment(
        kind=_kind(kind),
        url="https://files.example/a",
        mime_type=kind if not kind.endswith("/") else f"{kind}{_USUAL.get(kind, 'png')}",
        name="a",
        size_bytes=declared.media[kind],
    )
    return tuple(evolve(file, url=f"https://files.example/{number}") for number in range(count))


def _subject(message: Message, declared: Capabilities) -> Pair:
    return (evolve(message, subject="Perché no?"), None) if declared.subject else (None, None)


def _title(number: int, length: int) -> str:
    return f"{number} ".ljust(length, "è")[:length]


def _kind(mime_type: str) -> str:
    major = mime_type.partition("/")[0]
    return major if major in ("image", "audio", "video") else "document"


_USUAL = {"image/": "png", "audio/": "mpeg", "video/": "mp4", "application/": "pdf", "text/": "plain"}
LIMITS: Mapping[str, Callable[[Message, Capabilities], Pair]] = {
    "max_text": _text,
    "buttons": _buttons,
    "button_text": _button_text,
    "attachments": _attachments,
    "max_caption": _caption,
    "subject": _subject,
}


def _long(message: Message, declared: Capabilities) -> Message:
    return evolve(message, text="così lungo. " * ((declared.max_text or 5000) // 5))


def _many_files(message: Message, declared: Capabilities) -> Message:
    return evolve(message, text="Eccoli", attachments=_files(declared, declared.max_attachments + 2))


_TWELVE = [Button(title=f"Scelta {number}, la più lunga") for number in range(12)]
EXCESSES: Mapping[str, Callable[[Message, Capabilities], Message]] = {
    "text": _long,
    "choices": lambda message, _: evolve(message, text="Quale?", buttons=_TWELVE),
    "files": _many_files,
    "subject": lambda message, _: evolve(message, subject="Il suo ordine", text="È pronto."),
}
