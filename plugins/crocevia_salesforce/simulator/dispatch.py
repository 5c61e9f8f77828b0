"""From a request to its answer: session, limits, faults, address, ledger."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from attrs import evolve, frozen

from crocevia_salesforce.simulator.api import root, router
from crocevia_salesforce.simulator.clock import stamp
from crocevia_salesforce.simulator.dml.work import Actor
from crocevia_salesforce.simulator.errors import ApiError, not_found, refuse
from crocevia_salesforce.simulator.http import Answer, Call, Route, Router, error_answer
from crocevia_salesforce.simulator.org import Org

MIN_VERSION, MAX_VERSION = 31, 66
"""Versions that orgs answer to. Source: GET /services/data of a developer org, 2026-05."""
MAX_URI = 16_384
"""Bytes of a request line. Source: REST API guide, "Status Codes and Error Responses" (414), v60.0."""
_VERSIONED = re.compile(r"/services/data/v(\d\d)\.0(?:/(.*))?\Z")
_ASYNC = re.compile(r"/services/async/\d\d\.0/")
_JSON_IS_FINE = re.compile(r"json|\*/\*|application/\*|csv|\A\s*\Z", re.IGNORECASE)
_ERROR = 400
_OAUTH = "/services/oauth2/"
_log = logging.getLogger(__name__)


@frozen
class Outcome:
    """An answer and what the server needs to know about it."""

    answer: Answer
    write: bool
    counted: bool


def split(target: str) -> tuple[str, dict[str, str]]:
    """Return the path of a request target, with single slashes and none at the end, and its parameters."""
    path, _, query = re.sub(r"^https?://[^/?]*", "", target).partition("?")  # a fragment is not sent by any client
    path = re.sub(r"/{2,}", "/", path)
    return (path.rstrip("/") or "/"), dict(parse_qsl(query, keep_blank_values=True))


def _find(call: Call) -> tuple[Router, str, Route, dict[str, str], str]:
    if len(call.path) > MAX_URI:
        raise refuse(414, "URI_TOO_LONG", "The length of the URI exceeds the limit")
    if call.path.startswith("/services/async/") and not _ASYNC.match(call.path):
        raise not_found()
    match = _VERSIONED.match(call.path)
    if match is None or not match.group(2):
        route, names = root.find(call.method, call.path)
        return root, call.path, route, names, match.group(1) + ".0" if match else ""
    if not MIN_VERSION <= int(match.group(1)) <= MAX_VERSION:
        raise not_found()
    route, names = router.find(call.method, match.group(2))
    return router, match.group(2), route, names, f"{match.group(1)}.0"


def respond(org: Org, call: Call) -> Outcome:
    """Answer one HTTP request. Faults that concern the connection are the server's part."""
    method = call.params.get("_HttpMethod", "") if call.method == "POST" else ""
    method = method.upper() or ("GET" if call.method == "HEAD" else call.method)
    call = evolve(call, method=method)
    counted = call.path.startswith("/services/data/v") or call.path.startswith("/services/async")
    write = call.method not in {"GET", "HEAD"}
    try:
        _, _, route, names, version = _find(call)
        write = route.write
        if not route.open:
            call = evolve(call, actor=_actor(org, call))
            _check_limits(org, call)
        if version:
            _check_accept(call)
        _check_faults(call)
        answer = _refused_login(call) or route.handler(org, evolve(call, version=version), **names)
    except ApiError as error:
        answer = error_answer(error, call)
    except Exception:  # noqa: BLE001  # a fault of the simulator itself must look like one to the client, and be logged
        _log.exception("the simulated org could not answer %s %s", call.method, call.path)
        answer = error_answer(refuse(500, "UNKNOWN_EXCEPTION", "An unexpected error occurred."), call)
    return Outcome(answer, write and not answer.read_only, counted)


def _actor(org: Org, call: Call) -> Actor:
    """Return whose session a request carries.

    Raises:
        ApiError: 401 INVALID_SESSION_ID.
    """
    scheme, _, token = call.headers.get("authorization", "").partition(" ")
    if not token:
        scheme, token = "bearer", call.headers.get("x-sfdc-session", "")
    if "expire_session" in call.faults:
        org.sessions.end(token.strip())
    user = org.sessions.user_of(token.strip()) if scheme.lower() in {"bearer", "oauth"} else None
    if user is None:
        raise refuse(401, "INVALID_SESSION_ID", "Session expired or invalid")
    return Actor(user, "api")


def _check_limits(org: Org, call: Call) -> None:
    if "total_limit" in call.faults or org.usage.exhausted:
        raise refuse(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
    if "concurrent_limit" in call.faults:
        message = "ConcurrentRequests (Concurrent API Requests) Limit exceeded."
        raise refuse(403, "REQUEST_LIMIT_EXCEEDED", message)


def _check_accept(call: Call) -> None:
    if not _JSON_IS_FINE.search(call.headers.get("accept", "")):
        raise refuse(406, "NOT_ACCEPTABLE", f"{call.headers['accept']} is not simulated; JSON is")


def _check_faults(call: Call) -> None:
    if "lock" in call.faults:
        raise refuse(500, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
    refused = call.faults.get("refused")
    if refused is not None and not call.path.startswith(_OAUTH):
        raise refuse(refused.status, refused.code, refused.message)


def _refused_login(call: Call) -> Answer | None:
    """Return the refusal of a token request, in the two words that OAuth has."""
    refused = call.faults.get("refused")
    if refused is None or not call.path.startswith(_OAUTH):
        return None
    return Answer(refused.status, {"error": refused.code, "error_description": refused.message})


def subrequest(org: Org, call: Call, method: str, url: str, body: Any, headers: Mapping[str, str]) -> Answer:
    """Answer a request that came inside another; it has the other's session and faults."""
    path, params = split(url)
    payload = b"" if body is None else msgspec.json.encode(body)
    passed = {name: value for name, value in call.headers.items() if name.startswith("sforce-")}
    inner = evolve(call, method=method, path=path, params=params, body=payload, headers={**passed, **headers})
    try:
        _, _, route, names, version = _find(inner)
        if route.pattern.pattern.startswith("composite\\Z") or route.handler.__name__ in {"graph", "batch"}:
            raise refuse(400, "INVALID_INPUT", "Composite resources cannot be nested")
        answer = route.handler(org, evolve(inner, version=version), **names)
    except ApiError as error:
        return error_answer(error)
    return (
        answer
        if answer.body is None or not isinstance(answer.body, bytes)
        else evolve(answer, body=answer.body.decode())
    )


def record(org: Org, call: Call, outcome: Outcome, sent: str) -> None:
    """Write the call into the ledger and count it.

    Args:
        org: The org.
        call: What was asked.
        outcome: What was answered.
        sent: What became of the answer: ``whole``, ``dropped``, ``truncated`` or ``replaced``.
    """
    if call.path.startswith("/_simulator"):
        return
    if outcome.counted:
        org.usage.count()
    code = None
    if outcome.answer.status >= _ERROR and isinstance(outcome.answer.body, list) and outcome.answer.body:
        code = outcome.answer.body[0].get("errorCode")
    org.ledger.called(
        {
            "at": stamp(org.clock.now()),
            "method": call.method,
            "path": call.path,
            "status": outcome.answer.status,
            "write": outcome.write,
            "subrequests": outcome.answer.subrequests,
            "rows": len(outcome.answer.body) if isinstance(outcome.answer.body, list) else 0,
            "error": code,
            "api": outcome.counted,
            "sent": sent,
            "faults": sorted(call.faults),
        },
    )
