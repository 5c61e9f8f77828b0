"""Requests and answers of the simulated org, apart from the server that carries them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

import msgspec
from attrs import field, frozen

from crocevia_salesforce.simulator.dml.work import Actor, DuplicateHeader
from crocevia_salesforce.simulator.errors import ApiError, not_found, refuse
from crocevia_salesforce.simulator.faults import FaultRule

if TYPE_CHECKING:
    from crocevia_salesforce.simulator.org import Org

JSON = "application/json;charset=UTF-8"
ASYNC_XML = "application/xml"
_ASYNC = "http://www.force.com/2009/06/asyncapi/dataload"
_ASYNC_CODES = {
    "INVALID_SESSION_ID": "InvalidSessionId",
    "REQUEST_LIMIT_EXCEEDED": "ExceededQuota",
    "NOT_FOUND": "InvalidUrl",
    "METHOD_NOT_ALLOWED": "ClientInputError",
    "JSON_PARSER_ERROR": "InvalidJob",
    "UNABLE_TO_LOCK_ROW": "LockRowError",
    "UNKNOWN_EXCEPTION": "InternalServerError",
}
"""REST codes in the words of Bulk API 1. Source: Bulk API guide, "Errors", v60.0."""
_ZONE = r"(?<=\.000)\+0000\Z"
MAX_NUMBER = 2**31 - 1
_MAX_DIGITS = 18


@frozen
class Call:
    """One request.

    Attributes:
        method: In capitals.
        path: Without query; slashes are single and none is last.
        version: API version of the path, such as ``60.0``; empty outside ``/services/data/v…``.
        params: Query parameters; the last of equal ones.
        headers: By lower-case name.
        body: As it came, uncompressed.
        base_url: Scheme and host as the client sees them.
        actor: Whose session it is; None outside the API.
        faults: What has been planned to go wrong.
    """

    method: str
    path: str
    version: str
    params: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    actor: Actor | None = None
    faults: Mapping[str, FaultRule] = field(factory=dict)

    def json(self) -> Any:
        """Return the body.

        Raises:
            ApiError: JSON_PARSER_ERROR, or UNSUPPORTED_MEDIA_TYPE for a content type that is not JSON.
        """
        content_type = self.headers.get("content-type", "application/json").split(";")[0].strip().lower()
        if content_type not in {"application/json", "application/*", ""}:
            raise refuse(415, "UNSUPPORTED_MEDIA_TYPE", f"Content-Type {content_type} is not supported")
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise refuse(400, "JSON_PARSER_ERROR", f"{error} at [line:1, column:1]") from error

    def number(self, name: str, otherwise: int) -> int:
        """Return a parameter that is a whole number, not negative; at most what the store can count.

        Raises:
            ApiError: INVALID_INPUT for what is no number.
        """
        text = self.params.get(name) or str(otherwise)
        if not (text.isascii() and text.isdigit()):
            raise refuse(400, "INVALID_INPUT", f"{name} is not a whole number: {text}")
        return min(int(text), MAX_NUMBER) if len(text) < _MAX_DIGITS else MAX_NUMBER

    def object(self) -> dict[str, Any]:
        """Return the body, which must be a JSON object.

        Raises:
            ApiError: As ``json``; JSON_PARSER_ERROR also for an array or a scalar.
        """
        found = self.json()
        if not isinstance(found, dict):
            message = (
                "The HTTP entity body is required, but this request has no entity body."
                if not self.body
                else "Unexpected JSON: an object is expected at [line:1, column:1]"
            )
            raise refuse(400, "JSON_PARSER_ERROR", message)
        return found

    @property
    def duplicates(self) -> DuplicateHeader:
        """The duplicate-rule header: ``allowSave=true; includeRecordDetails=true``."""
        text = self.headers.get("sforce-duplicate-rule-header", "").replace(" ", "").lower()
        given = set(re.split("[;,]", text))
        return DuplicateHeader("allowsave=true" in given, "includerecorddetails=true" in given)


@frozen
class Answer:
    """One response; ``body`` is JSON unless it is bytes, None is an empty body.

    ``subrequests`` counts those of a Composite, and ``read_only`` says that none of them could change a record; both
    are for the ledger.
    """

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(factory=dict)
    content_type: str = JSON
    subrequests: int = 0
    read_only: bool = False

    def payload(self) -> bytes:
        """Return the bytes that are sent."""
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else msgspec.json.encode(self.body)


Handler = Callable[["Org", Call], Answer]


@frozen
class Route:
    """One address: ``write`` says whether a request to it can change records."""

    method: str
    pattern: re.Pattern[str]
    handler: Callable[..., Answer]
    write: bool
    open: bool


class Router:
    """The addresses of the API. ``{name}`` in a pattern takes one segment, ``{name...}`` the rest."""

    def __init__(self) -> None:
        self.routes: list[Route] = []

    def add(self, method: str, pattern: str, *, write: bool = False, is_open: bool = False) -> Callable[[Any], Any]:
        """Return a decorator that puts a handler at an address; ``is_open`` needs no session."""
        rest = re.sub(r"\\\{(\w+)\\\.\\\.\\\.\\\}", r"(?P<\1>.+)", re.escape(pattern))
        compiled = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", rest) + r"\Z", re.IGNORECASE)

        def register(handler: Any) -> Any:
            self.routes.append(Route(method, compiled, handler, write, is_open))
            return handler

        return register

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a request and what its path names.

        Raises:
            ApiError: NOT_FOUND, or METHOD_NOT_ALLOWED where the address knows other methods.
        """
        others = []
        for route in self.routes:
            match = route.pattern.match(path)
            if match and route.method == method:
                return route, match.groupdict()
            if match:
                others.append(route.method)
        if others:
            message = f"HTTP Method '{method}' not allowed. Allowed are {','.join(dict.fromkeys(others))}"
            raise refuse(405, "METHOD_NOT_ALLOWED", message)
        raise not_found()


def error_answer(error: ApiError, call: Call | None = None) -> Answer:
    """Return the answer that an error makes; Bulk API 1 has a shape of its own."""
    if call is None or not call.path.startswith("/services/async/"):
        return Answer(error.status, error.body())
    code = _ASYNC_CODES.get(error.refusals[0].code, error.refusals[0].code)
    told = {"exceptionCode": code, "exceptionMessage": error.refusals[0].message}
    status = error.status if error.status >= 500 else 400  # HTTP errors
    if "json" in call.headers.get("content-type", "") or "json" in call.headers.get("accept", ""):
        return Answer(status, told, {}, "application/json")
    return Answer(status, async_xml("error", told), {}, ASYNC_XML)


def async_xml(name: str, told: Mapping[str, Any]) -> bytes:
    """Return XML as Bulk API 1 writes it: flat, without what is None, dateTimes ending in Z."""
    return f'<?xml version="1.0" encoding="UTF-8"?><{name}\n   xmlns="{_ASYNC}">\n{_inner(told)}</{name}>'.encode()


def _inner(told: Mapping[str, Any]) -> str:
    lines = []
    for name, value in told.items():
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Mapping):
                lines.append(f"<{name}>{_inner(item)}</{name}>")
            elif item is not None:
                lines.append(f" <{name}>{escape(re.sub(_ZONE, 'Z', str(item)))}</{name}>\n")
    return "".join(lines)
