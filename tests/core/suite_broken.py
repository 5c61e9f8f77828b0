"""A good connector, and many that are broken in one way each; the test beside this file runs the suite on them."""
# ruff: noqa: D102 -- the methods do what the contract says, or the class says what they do wrong

import hashlib
import hmac
import json
import logging
import random
import uuid
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from time import time as what_time_is_it
from typing import Any

from attrs import evolve, field, frozen

from crocevia import (
    Connector,
    ContactPoint,
    Event,
    Ignored,
    InteractionSeen,
    Message,
    ParseContext,
    Party,
    Raw,
    Receipt,
    ReceivesWebhooks,
    Request,
    Secret,
    SendsMessages,
    Unrecognised,
    errors,
    signatures,
)
from crocevia.testing import connector_suite
from tests.core.suite_broken_peer import one_test

_LOG = logging.getLogger(__name__)


@frozen
class Settings:
    """A secret and something that can be changed by mistake."""

    token: Secret
    notes: list[str] = field(factory=list)


@frozen
class OpenSettings:
    """A token that prints itself."""

    token: str


class Good(Connector[Settings], ReceivesWebhooks):
    """As it should be."""

    kind = "good"
    leaf_paths = ("messages.*",)

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        signatures.hmac_sha256(request, header="X-Signature", secret=self.settings.token)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        body = raw.json()
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise errors.MalformedError("no list of messages")
        for index, message in enumerate(body["messages"]):
            yield self.event(message, f"/messages/{index}", context)

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        try:
            if message["type"] == "text":
                return self.text(message, leaf, context)
        except (LookupError, TypeError, errors.MalformedError):
            return Unrecognised(what="a message of unknown shape", leaf=leaf)
        return Unrecognised(what="a message of unknown type", leaf=leaf)

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return InteractionSeen(
            key=message["id"],
            author=Party([ContactPoint("good", "", message["from"])]),
            conversation=message["room"],
            at=context.from_ms(message["ts"]),
            text=message["text"],
            leaf=leaf,
        )


class SkipsALeaf(Good):
    """test_each_leaf_is_accounted_for."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        return list(super().parse(raw, context))[:1]


class TellsTwice(Good):
    """test_each_leaf_is_accounted_for."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        events = list(super().parse(raw, context))
        return [*events, Ignored(reason="again", leaf=events[0].leaf)]


class PointsElsewhere(Good):
    """test_each_leaf_is_accounted_for."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), leaf=leaf.replace("messages", "entries"))


class MeansSomethingElse(Good):
    """test_a_sample_means_what_is_expected."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), conversation=None)


class TakesSecondsForMilliseconds(Good):
    """test_times_are_plausible."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return super().text({**message, "ts": message["ts"] // 1000}, leaf, context)


class OneKeyForAll(Good):
    """test_dedupe_keys_tell_leaves_apart."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), key="message")


class AnotherKeyEachTime(Good):
    """test_a_redelivery_is_recognised."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), key=f"{message['id']}-{id(message)}-{uuid.uuid4()}")


class KeyByPosition(Good):
    """test_order_within_a_raw_does_not_matter."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), key=leaf)


class OnlyTheFirstTwo(Good):
    """test_a_batch_means_what_its_leaves_mean."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        for index, event in enumerate(super().parse(raw, context)):
            yield event if index < 2 else Ignored(reason="too many", leaf=event.leaf)


class WantsToKnowEveryField(Good):
    """test_unknown_fields_change_nothing."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), automated=len(message) > 6)


class StumblesOverAType(Good):
    """test_unknown_types_are_unrecognised."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        if isinstance(message, dict) and "id" in message:
            return {"text": self.text}[message["type"]](message, leaf, context)
        return super().event(message, leaf, context)


class GuessesAType(Good):
    """test_unknown_types_are_unrecognised."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        if isinstance(message, dict):
            message = {**message, "type": "text"}
        return super().event(message, leaf, context)


class IgnoresAType(Good):
    """test_unknown_types_are_unrecognised."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        event = super().event(message, leaf, context)
        return Ignored(reason="whatever", leaf=leaf) if isinstance(event, Unrecognised) else event


class StumblesOverALeaf(Good):
    """test_an_odd_leaf_spoils_only_itself."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        message["id"]
        return super().event(message, leaf, context)


class ReadsLaxly(Good):
    """test_broken_bodies_are_malformed."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        for index, message in enumerate(json.loads(raw.body)["messages"]):
            yield self.event(message, f"/messages/{index}", context)


class Crashes(Good):
    """test_bodies_of_another_shape_are_refused."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        if raw.json() is None:
            raise ZeroDivisionError
        return super().parse(raw, context)


class LooksAtTheClock(Good):
    """test_parse_does_nothing_but_compute."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), automated=datetime.now(UTC).year < 2000)


class LooksAtTheClockUnderAnotherName(Good):
    """test_parse_does_nothing_but_compute."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), automated=what_time_is_it() < 0)


class ThrowsDice(Good):
    """test_parse_does_nothing_but_compute."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), automated=random.random() > 1)


class ReadsAFile(Good):
    """test_parse_does_nothing_but_compute."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text(message, leaf, context), automated=Path(__file__).read_text() == "")


class ChangesItsSettings(Good):
    """test_parse_changes_nothing_it_is_given."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        self.settings.notes.append("parsed")
        return super().parse(raw, context)


class Remembers(Good):
    """test_parse_remembers_nothing."""

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        events = list(super().parse(raw, context))
        known = self.__dict__.setdefault("known", raw.body)
        return events if known == raw.body else [Ignored(reason="seen enough", leaf=event.leaf) for event in events]


class BelievesEveryone(Good):
    """test_a_changed_body_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        if "x-signature" not in request.headers:
            raise errors.SignatureError("missing")


class BelievesTheUnsigned(Good):
    """test_what_is_not_signed_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        if "x-signature" in request.headers:
            super().verify(request, now, keys)


class LooksAtTheBeginning(Good):
    """test_a_changed_signature_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        digest = hmac.new(self.settings.token.reveal().encode(), request.body, hashlib.sha256).hexdigest()
        if request.headers.get("x-signature", "")[:60] != digest[:60]:
            raise errors.SignatureError("wrong")


class NeedsTheHeader(Good):
    """test_what_is_not_signed_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        given = request.headers["x-signature"]
        super().verify(evolve(request, headers={"x-signature": given}), now, keys)


class ComparesTexts(Good):
    """test_a_changed_signature_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        digest = hmac.new(self.settings.token.reveal().encode(), request.body, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(request.headers.get("x-signature", ""), digest):
            raise errors.SignatureError("wrong")


class OneSecretForAll(Good):
    """test_another_secret_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        signatures.hmac_sha256(request, header="X-Signature", secret=Secret("s3cret"))


class TellsTheSignature(Good):
    """test_verify_tells_nobody_the_secret."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        _LOG.debug("secret %s", self.settings.token.reveal())
        super().verify(request, now, keys)


class LetsTransportThrough(Good, SendsMessages):
    """test_trouble_in_sending_is_a_decision."""

    def send(self, message: Message) -> Receipt:
        self.http.session().post("http://acme.example/messages", json={"text": message.text}).raise_for_status()
        return Receipt(key="1")


class QuotesTheVendor(Good, SendsMessages):
    """test_trouble_in_sending_is_a_decision."""

    def send(self, message: Message) -> Receipt:
        answer = self.http.request("POST", "http://acme.example/messages", json={"text": message.text})
        raise errors.RejectedError(f"acme: refused: {answer.body!r}")


class PrintsItself(Connector[OpenSettings]):
    """test_settings_do_not_print_secrets."""

    kind = "prints"

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        return [Ignored(reason="nothing to do")]


class LogsWhatWasWritten(Good):
    """test_parse_tells_nobody_what_was_written."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        _LOG.info("parsing %s", message)
        return super().text(message, leaf, context)


class QuotesWhatWasWritten(Good):
    """test_parse_tells_nobody_what_was_written."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        if isinstance(message, dict) and message.get("room") is None:
            return Unrecognised(what=f"no room: {message}", leaf=leaf)
        return super().event(message, leaf, context)


class QuotesANumber(Good):
    """test_an_exception_does_not_quote_the_body."""

    def text(self, message: Mapping[str, Any], leaf: str, context: ParseContext) -> InteractionSeen:
        return evolve(super().text({**message, "ts": int(message["ts"])}, leaf, context))


def _sign(body: bytes, settings: Settings) -> Mapping[str, str]:
    return {"X-Signature": hmac.new(settings.token.reveal().encode(), body, hashlib.sha256).hexdigest()}


_CHANNELS: list[type[Good]] = [Good, *Good.__subclasses__()]
for _channel in _CHANNELS:
    _suite = connector_suite(_channel, samples="suite_samples/broken", settings={"token": "s3cret"}, sign=_sign)
    globals()[f"Test{_channel.__name__}"] = one_test(_suite, _channel)
del _suite
TestPrintsItself = connector_suite(PrintsItself, samples="suite_samples/broken", settings={"token": "s3cret"})
