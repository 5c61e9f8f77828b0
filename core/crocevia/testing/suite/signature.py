"""Bronze: only the vendor gets in, and whatever else knocks is answered the same way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import pytest
from attrs import evolve

from crocevia.connector import ReceivesWebhooks
from crocevia.errors import SignatureError
from crocevia.signatures import Request
from crocevia.testing.suite.sample import Sample
from crocevia.testing.suite.subject import NOW, URL, Subject, expect

_HOSTILE_VALUES = {
    "empty": "",
    "blank": " ",
    "prefix only": "sha256=",
    "hex zeros": "0" * 64,
    "with prefix": "sha256=" + "0" * 64,
    "base64": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    "broken base64": "A",
    "latin-1": "é" * 64,
    "not a character": "\udcff",
    "full-width digits": "\uff10" * 64,
    "NUL": "\x00",
    "long": "A" * 100_000,
    "several": "v1=a,v1=b,t=,,=",
    "a number": "1e999",
    "negative": "-1",
}


class _Watched(Mapping[str, str]):
    """Headers that remember which of them were asked for."""

    def __init__(self, headers: Mapping[str, str], default: str | None = None) -> None:
        self.asked: dict[str, None] = {}
        self._headers = headers
        self._default = default

    def __getitem__(self, name: str) -> str:
        self.asked[name] = None
        if self._default is not None and name not in self._headers:
            return self._default
        return self._headers[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._headers)

    def __len__(self) -> int:
        return len(self._headers)


class Signatures:
    """Tests of `verify` and `challenge`."""

    subject: ClassVar[Subject]

    def test_a_good_signature_is_accepted(self, sample: Sample) -> None:
        """What the vendor signs passes."""
        request = self._signed(sample)
        self._receiver().verify(request, NOW, self.subject.keys)

    def test_a_changed_body_is_refused(self, sample: Sample) -> None:
        """One bit anywhere, a byte more or less, a space at the end: SignatureError."""
        request = self._signed(sample)
        body = request.body
        places = sorted({0, 1, len(body) // 3, len(body) // 2, len(body) - 2, len(body) - 1} & set(range(len(body))))
        changed = {f"bit {bit} of byte {place}": _flipped(body, place, bit) for place in places for bit in (0, 5, 7)}
        changed |= {"a space more": body + b" ", "a byte less": body[:-1], "empty": b"", "twice": body + body}
        for what, other in changed.items():
            if other != body:
                self._refuse(evolve(request, body=other), f"{sample.name} with {what} in its body")

    def test_a_changed_signature_is_refused(self, sample: Sample) -> None:
        """Every header that `verify` reads is needed as it was: missing, empty, flipped, foreign letters, twice."""
        request = self._signed(sample)
        watched = _Watched(request.headers)
        self._receiver().verify(evolve(request, headers=watched), NOW, self.subject.keys)
        read = [name for name in watched.asked if name in request.headers]
        expect(
            read, "verify accepts without looking at a header: sign something else than headers in a test of its own"
        )
        for name in read:
            without = {key: value for key, value in request.headers.items() if key != name}
            self._refuse(evolve(request, headers=without), f"{sample.name} without {name}")
            for what, value in _tampered(request.headers[name]).items():
                self._refuse(evolve(request, headers={**without, name: value}), f"{sample.name} with {name} {what}")

    def test_what_is_not_signed_is_refused(self, hostile: str) -> None:
        """No header, or anything at all in whatever header `verify` looks for: SignatureError and nothing else."""
        connector = self._receiver()
        body = self.subject.samples[0].body if self.subject.samples else b"{}"
        self._refuse(Request(method="POST", url=URL, headers={}, body=body), "a request without headers")
        watched = _Watched({}, _HOSTILE_VALUES[hostile])
        self._refuse(Request(method="POST", url=URL, headers=watched, body=body), f"a signature that is {hostile}")
        plain = dict.fromkeys(watched.asked, _HOSTILE_VALUES[hostile])
        self._refuse(Request(method="POST", url=URL, headers=plain, body=body), f"a signature that is {hostile}")
        for query in (
            {},
            {"hub.mode": "subscribe", "hub.verify_token": _HOSTILE_VALUES[hostile], "hub.challenge": "1"},
        ):
            request = Request(method="GET", url=URL, headers={}, query=query)
            try:
                answer = connector.challenge(request)
            except SignatureError:
                continue
            expect(answer is None or isinstance(answer, str), "challenge gives a text, or None")

    def test_another_secret_is_refused(self, sample: Sample) -> None:
        """A connection with other secrets does not accept this one's webhooks."""
        request = self._signed(sample)
        if self.subject.keys or not self.subject.secrets:
            pytest.skip("the vendor signs with a key pair, or the settings hold no Secret")
        other = self.subject.connector(settings=self.subject.with_secrets(lambda secret: f"{secret}x"))
        self._refuse(request, f"{sample.name} signed with this connection's secret, by another", connector=other)

    def _receiver(self) -> Any:
        connector = self.subject.connector()
        if not isinstance(connector, ReceivesWebhooks):
            pytest.skip("the connector receives no webhooks")
        return connector

    def _signed(self, sample: Sample) -> Request:
        self._receiver()
        if self.subject.sign is None:
            pytest.skip("give sign=(body, settings) -> headers, so that a good signature can be made")
        if sample.stream:
            pytest.skip("the sample is a page, not a webhook")
        return self.subject.request(sample.body, self.subject.sign(sample.body, self.subject.settings))

    def _refuse(self, request: Request, what: str, connector: Any = None) -> None:
        try:
            (connector or self._receiver()).verify(request, NOW, self.subject.keys)
        except SignatureError:
            return
        except Exception as error:
            reason = f"{what}: {type(error).__name__} instead of SignatureError"
            raise AssertionError(reason) from error
        expect(None, f"{what} is accepted")


def _flipped(body: bytes, place: int, bit: int) -> bytes:
    return body[:place] + bytes([body[place] ^ (1 << bit)]) + body[place + 1 :]


def _tampered(value: str) -> dict[str, str]:
    """One wrong value of each sort. A letter changed is another letter, so that it stays well-formed."""
    middle, last = len(value) // 2, len(value) - 1
    changed = {
        "empty": "",
        "blank": " ",
        "cut": value[:-1],
        "longer": value + "0",
        "reversed": value[::-1],
        "accented": value[:last] + "é",
        "full-width": value[:last] + "\uff10",
        "not a character": value[:last] + "\udcff",
    }
    for name, place in (("first letter", 0), ("middle letter", middle), ("a late letter", max(last - 2, 0))):
        changed[f"{name} changed"] = value[:place] + _other_letter(value[place]) + value[place + 1 :]
    return {name: text for name, text in changed.items() if text != value}


def _other_letter(letter: str) -> str:
    if letter.isdigit():
        return str((int(letter) + 1) % 10)
    return "b" if letter in "aA" else "a"


HOSTILE = tuple(_HOSTILE_VALUES)
