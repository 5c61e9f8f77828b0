"""Bronze: whatever a vendor answers, or does not, becomes a decision of `crocevia.errors` and tells nothing private."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from crocevia.connector import Connector, ReadsRecords, SendsMessages, WritesRecords
from crocevia.errors import RemoteError
from crocevia.http import Http
from crocevia.model import InteractionSeen, Message, Write, Written
from crocevia.testing.suite.secrecy import CANARY, Secrecy, overheard
from crocevia.testing.suite.subject import expect

_QUOTING = json.dumps(
    {"error": {"message": f"cannot take {CANARY}", "code": 1}, "errors": [{"message": CANARY}]}
).encode()
_PAGE = f"<html><body>{CANARY}</body></html>".encode()


def _answered(status: int, body: bytes) -> Callable[[requests.PreparedRequest], requests.Response]:
    def answer(request: requests.PreparedRequest) -> requests.Response:
        response = requests.Response()
        response.status_code, response.url, response.request = status, request.url or "", request
        response.raw = io.BytesIO(body)
        response.headers["Content-Type"] = "text/html" if body.startswith(b"<") else "application/json"
        return response

    return answer


def _failed(error: type[requests.RequestException]) -> Callable[[requests.PreparedRequest], requests.Response]:
    def fail(request: requests.PreparedRequest) -> requests.Response:
        raise error(request=request)

    return fail


FAILURES = {
    **{
        f"{status} {kind}": _answered(status, body)
        for status in (400, 401, 403, 404, 409, 422, 429, 500, 503)
        for kind, body in (("with JSON", _QUOTING), ("with HTML", _PAGE), ("empty", b""))
    },
    "200 with HTML": _answered(200, _PAGE),
    "no connection": _failed(requests.ConnectionError),
    "no answer": _failed(requests.ReadTimeout),
}


class _Scripted(requests.Session):
    """A session in which every call comes to the same."""

    def __init__(self, outcome: Callable[[requests.PreparedRequest], requests.Response]) -> None:
        super().__init__()
        self._outcome = outcome

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Answer without a network."""
        return self._outcome(request)


class Decisions(Secrecy):
    """Tests of `send` and `write` while the vendor is in trouble."""

    def test_trouble_in_sending_is_a_decision(self, send_failure: str) -> None:
        """`send` raises a RemoteError, without the text or a secret; core says when to try again."""
        connector = self._in_trouble(send_failure)
        if not isinstance(connector, SendsMessages):
            pytest.skip("the connector sends no messages")
        seen = [
            event
            for sample in self.subject.samples
            for event in self.subject.parse(sample)
            if isinstance(event, InteractionSeen) and event.author.points and event.direction == "inbound"
        ]
        if not seen:
            pytest.skip("no sample shows a customer to answer")
        to, conversation = seen[0].author.points[0], seen[0].conversation
        message = Message(id="suite-1", to=to, conversation=conversation, text=CANARY)
        self._decide(send_failure, lambda: connector.send(message))

    def test_trouble_in_writing_is_a_decision(self, write_failure: str) -> None:
        """`write` raises a RemoteError or returns one for each record, without a value or a secret."""
        connector = self._in_trouble(write_failure)
        if not (isinstance(connector, WritesRecords) and isinstance(connector, ReadsRecords)):
            pytest.skip("the connector writes no records")
        writer: WritesRecords = connector
        canonical = {"family_name": CANARY, "text": CANARY, "direction": "inbound"}
        for mapping in connector.mappings():
            values = mapping.encode(canonical)
            batch = [
                Write(object=mapping.object, operation="upsert", key="suite-1", values=values),
                Write(object=mapping.object, operation="update", key="suite-2", id="1", values=values),
            ]
            outcomes = self._decide(write_failure, lambda batch=batch: writer.write(batch))  # type: ignore[misc]  # bound now
            if outcomes is not None:
                expect(
                    len(outcomes) == len(batch), f"{write_failure}: {len(outcomes)} outcomes for {len(batch)} writes"
                )
                odd = [type(outcome).__name__ for outcome in outcomes if not isinstance(outcome, Written | RemoteError)]
                expect(not odd, f"{write_failure}: outcomes of type {', '.join(odd)}")
                self._expect_private(" ".join(f"{outcome!r} {outcome}" for outcome in outcomes), write_failure)

    def _in_trouble(self, failure: str) -> Connector[Any]:
        settings = self._with_canaries().settings
        http = Http("suite", new_session=lambda: _Scripted(FAILURES[failure]))
        return self.subject.connector(settings=settings, http=http)

    def _decide(self, failure: str, call: Callable[[], Any]) -> Any:
        with overheard() as heard:
            try:
                return call()
            except RemoteError as error:
                heard.hear(error)
            except Exception as error:
                reason = f"{failure}: {type(error).__name__} instead of a RemoteError"
                raise AssertionError(reason) from error
        self._expect_private(heard.told, f"{failure}: log, output or exception")
        return None
