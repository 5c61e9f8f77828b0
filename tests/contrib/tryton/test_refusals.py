"""Each way in which Tryton says no is a decision, and none quotes what it was given."""

import io
import json
from typing import Any

import pytest
import requests

import crocevia_tryton
from crocevia import Http, Secret, Write
from crocevia.errors import (
    AuthError,
    ConflictError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
    ThrottledError,
)
from crocevia_tryton.connector import Settings, Tryton

SAID = "Ada Rossi, +393471234567"


class Scripted(requests.Session):
    """A server that lets everybody in and answers every other method from a script."""

    def __init__(self, answers: dict[str, tuple[int, Any]]) -> None:
        super().__init__()
        self.answers = answers

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Answer by the method's last word."""
        method = json.loads(request.body or b"")["method"].rsplit(".", 1)[-1]
        status, body = {"login": (200, {"id": 1, "result": [1, "session", None]}), **self.answers}[method]
        response = requests.Response()
        response.status_code = status
        response.headers["Retry-After"] = "7"
        response.raw = io.BytesIO(json.dumps(body).encode())
        return response


def tryton(answers: dict[str, tuple[int, Any]]) -> Tryton:
    """The connector on such a server."""
    settings = Settings(base_url="http://tryton.example", database="crm", user="u", password=Secret("a password"))
    return Tryton(settings, connection="crm", http=Http("crm", new_session=lambda: Scripted(answers)))


@pytest.mark.parametrize(
    ("status", "error", "decision"),
    [
        (200, ["UserError", [SAID, SAID, None]], RejectedError),
        (200, ["UserWarning", ["name", SAID, ""]], RejectedError),
        (200, ["ConcurrencyException", SAID], ConflictError),
        (200, ["LoginException", ["code", SAID, "char"]], AuthError),
        (200, ["RateLimitException", []], ThrottledError),
        (200, [SAID, "Traceback"], RetryableError),
        (200, ["'shoe_size'", "Traceback"], SchemaDriftError),
        (401, [], AuthError),
        (404, [], AuthError),
        (413, [], RejectedError),
        (429, [], ThrottledError),
        (504, [], RetryableError),
    ],
)
def test_a_refusal_is_a_decision_that_quotes_nothing(
    status: int, error: list[Any], decision: type[RemoteError]
) -> None:
    """Tryton's sentences hold names and numbers of customers."""
    refused = (status, {"id": 1, "error": error})
    fields = (
        200,
        {"id": 1, "result": {"shoe_size": {"required": False, "readonly": False, "type": "char", "string": "S"}}},
    )
    connector = tryton({"fields_get": fields, "default_get": (200, {"id": 1, "result": {}}), "search_read": refused})

    with pytest.raises(RemoteError) as caught:
        connector.fetch("party.party", ["1"], ["shoe_size"])

    assert isinstance(caught.value, decision)
    assert "Ada" not in str(caught.value)
    assert "crm" in str(caught.value)


def test_an_exception_inside_tryton_is_tried_again_record_by_record() -> None:
    """One record that makes Tryton fall over does not end as a refusal of the others, nor for good."""
    ok = {"id": 1, "result": []}
    fields = {"name": {"required": False, "readonly": False, "type": "char", "string": "Name"}}
    connector = tryton(
        {
            "fields_get": (200, {"id": 1, "result": fields}),
            "default_get": (200, {"id": 1, "result": {}}),
            "search_read": (200, ok),
            "create": (200, {"id": 1, "error": ["database is locked", "Traceback"]}),
        }
    )
    writes = [
        Write(object="party.party", operation="upsert", key=f"k{number}", values={"name": SAID}) for number in range(3)
    ]

    outcomes = connector.write(writes)

    assert [isinstance(outcome, RetryableError) for outcome in outcomes] == [True] * 3


def test_the_plugin_gives_the_connector() -> None:
    """By the hook that every plugin has."""
    assert crocevia_tryton.crocevia_register_connectors() == [Tryton]
