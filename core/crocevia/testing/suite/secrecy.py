"""Bronze: secrets and what customers wrote stay out of logs, messages and everything printed."""

from __future__ import annotations

import io
import json
import logging
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from typing import Any, ClassVar

import pytest
import structlog
from attrs import define, field

from crocevia.connector import Connector, ReceivesWebhooks
from crocevia.errors import CroceviaError, SignatureError
from crocevia.model import Ignored, InteractionRevised, InteractionSeen, Unrecognised
from crocevia.testing.suite.mutation import encoded, mapped, nodes, replaced
from crocevia.testing.suite.sample import Sample
from crocevia.testing.suite.subject import NOW, Subject, expect

CANARY = "yellow canary 7c1f"
_MOST_CHANGES = 150


class Secrecy:
    """Tests that nothing private is told to those who read logs."""

    subject: ClassVar[Subject]

    def test_settings_do_not_print_secrets(self) -> None:
        """A token or password is a `Secret`: neither the settings nor the connector print it."""
        connector = self._with_canaries()
        told = f"{connector!r} {connector} {connector.settings!r} {connector.settings} {connector.http!r}"
        self._expect_secret(told, "repr of the connector or its settings")
        for name in ("token", "secret", "password", "key", "api_key", "app_secret", "access_token"):
            value = getattr(connector.settings, name, None)
            expect(not isinstance(value, str) or not value, f"the setting {name} is a str: make it a Secret")

    def test_parse_tells_nobody_what_was_written(self, sample: Sample) -> None:
        """With a canary for every text, nothing that `parse` logs or raises holds it, however odd the rest is."""
        body = self._with_canary(sample)
        with overheard() as heard:
            self._try_parse(sample, body, heard)
            for changed in _changes(sample, body):
                self._try_parse(sample, changed, heard)
        self._expect_private(heard.told, f"{sample.name}: log, output or exception of parse")

    def test_an_exception_does_not_quote_the_body(self, sample: Sample) -> None:
        """A number, time or id that is not one is refused without repeating it: it may be anything."""
        body = sample.json
        if not isinstance(body, dict | list):
            pytest.skip("the sample is not JSON")
        places = [pointer for pointer, value in nodes(body) if pointer and not isinstance(value, dict | list)]
        with overheard() as heard:
            for pointer in places[:_MOST_CHANGES]:
                self._try_parse(sample, encoded(replaced(body, pointer, CANARY)), heard, events=False)
        self._expect_private(heard.told, f"{sample.name}: log, output or exception of parse")

    def test_verify_tells_nobody_the_secret(self, sample: Sample) -> None:
        """Neither acceptance nor refusal logs or quotes a secret, the body or the signature it wanted."""
        connector = self._with_canaries()
        if not isinstance(connector, ReceivesWebhooks) or sample.stream:
            pytest.skip("the connector receives no webhooks")
        body = self._with_canary(sample)
        headers = dict(self.subject.sign(body, connector.settings)) if self.subject.sign else {}
        wrong = {name: value[:-1] + ("0" if value[-1:] != "0" else "1") for name, value in headers.items() if value}
        with overheard() as heard:
            for given in (headers, wrong, {}):
                try:
                    connector.verify(self.subject.request(body, given), NOW, self.subject.keys)
                except SignatureError as error:
                    heard.hear(error)
        self._expect_private(heard.told, f"{sample.name}: log, output or exception of verify")
        for name, value in headers.items():
            # shorter than 16 is no digest
            digest = value.rsplit("=", 1)[-1] if "=" in value.rstrip("=") else value
            expect(len(digest) < 16 or digest not in heard.told, f"{sample.name}: verify tells what {name} should be")

    def _try_parse(self, sample: Sample, body: bytes, heard: Overheard, *, events: bool = True) -> None:
        try:
            found = list(self._with_canaries().parse(self.subject.raw(sample, body), self.subject.context))
        except Exception as error:  # noqa: BLE001 - what it says is tested, whatever it is
            heard.hear(error)
            return
        if events:
            heard.told += "".join(event.what for event in found if isinstance(event, Unrecognised))
            heard.told += "".join(event.reason for event in found if isinstance(event, Ignored))

    def _with_canary(self, sample: Sample) -> bytes:
        """The body with every text that a customer wrote replaced by the canary."""
        texts = {
            text
            for event in self.subject.parse(sample)
            if isinstance(event, InteractionSeen | InteractionRevised)
            for text in (event.text, getattr(event, "subject", None))
            if text
        }
        if sample.json is not None:
            return encoded(
                mapped(sample.json, lambda node: CANARY if isinstance(node, str) and node in texts else node)
            )
        body = sample.body
        for text in sorted(texts, key=len, reverse=True):
            body = body.replace(text.encode(), CANARY.encode())
        return body

    def _expect_private(self, told: str, where: str) -> None:
        expect(
            CANARY not in told, f"{where} holds what a customer wrote, or a value of the body: ...{_around(told)}..."
        )
        self._expect_secret(told, where)

    def _expect_secret(self, told: str, where: str) -> None:
        settings = self._with_canaries().settings
        for name in self.subject.secrets:
            expect(getattr(settings, name).reveal() not in told, f"{where} holds the secret {name}")

    def _with_canaries(self) -> Connector[Any]:
        """An instance whose secrets cannot turn up by chance; the given ones where only such will do (a key pair)."""
        try:
            settings = self.subject.with_secrets(lambda secret: f"{secret}-canary-51d0")
            if self.subject.sign is not None:
                self.subject.sign(b"{}", settings)
            return self.subject.connector(settings=settings)
        except Exception:  # noqa: BLE001 - whatever a key of the wrong form makes of it
            return self.subject.connector()


def _around(told: str) -> str:
    place = max(told.find(CANARY), 0)
    return told[max(0, place - 80) : place + 80].replace("\n", " ")


@define
class Overheard:
    """Everything that was said."""

    told: str = ""
    _output: io.StringIO = field(factory=io.StringIO)

    def hear(self, error: BaseException) -> None:
        """Take down an exception as a log with a traceback shows it: its causes too."""
        if not isinstance(error, CroceviaError):
            self.told += f"{error!r} "
        self.told += "".join(traceback.format_exception(error))


@contextmanager
def overheard() -> Iterator[Overheard]:
    """Listen to logging, structlog, standard output and standard error."""
    heard = Overheard()

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.told += f"{record.getMessage()} {record.__dict__} "

    listener = Listener(level=0)
    root = logging.getLogger()
    level, disabled = root.level, logging.root.manager.disable
    root.addHandler(listener)
    root.setLevel(1)
    logging.disable(0)
    output = io.StringIO()
    try:
        with redirect_stdout(output), redirect_stderr(output), _structlog(heard):
            yield heard
    finally:
        logging.disable(disabled)
        root.setLevel(level)
        root.removeHandler(listener)
        heard.told += output.getvalue()


@contextmanager
def _structlog(heard: Overheard) -> Iterator[None]:
    with structlog.testing.capture_logs() as entries:
        yield
    heard.told += "".join(str(entry) for entry in entries)


def _changes(sample: Sample, body: bytes) -> Iterator[bytes]:
    """The body made odd in one place at a time, so that what goes wrong is told with the text at hand."""
    yield body[: len(body) // 2]
    yield body[:-1]
    yield body + b"\xff"
    if isinstance(sample.json, dict | list):
        decoded: Any = json.loads(body)
        places = [pointer for pointer, _ in nodes(decoded) if pointer]
        for pointer in places[:_MOST_CHANGES]:
            yield encoded(replaced(decoded, pointer, None))
        for pointer in places[:_MOST_CHANGES]:
            yield encoded(replaced(decoded, pointer, [CANARY]))
