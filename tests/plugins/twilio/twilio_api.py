"""Twilio's API as far as the connectors use it, on loopback: strict about what it takes, as Twilio is."""

import json
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit
from xml.etree import ElementTree as ET

from attrs import define, field

ACCOUNT = "AC00000000000000000000000000000001"
OURS = "+390212345678"
ROOT = f"/2010-04-01/Accounts/{ACCOUNT}"
_CONTENT = {"Body", "MediaUrl", "ContentSid"}
_SENDERS = {"From", "MessagingServiceSid"}
_CALLED = {"To", "From", "Timeout", "Twiml", "StatusCallback", "StatusCallbackEvent"}
_KNOWN = _CONTENT | _SENDERS | {"To", "StatusCallback", "ContentVariables"}


@define
class TwilioApi:
    """One account.

    Attributes:
        refused: Twilio's code by recipient.
        says: What to answer the next calls with, without doing anything.
        loses: How many of the next sends are done, and their answers lost.
        sent: Every message taken, as `(forms of it)`.
        items: What its lists hold, newest first, by resource.
        page_size: Items of a page, whatever is asked for.
        asked: Every request, `"METHOD path?query"`.
    """

    url: str = ""
    token: str = "authtoken"
    refused: dict[str, int] = field(factory=dict)
    says: list[tuple[int, Any]] = field(factory=list)
    loses: int = 0
    sent: list[list[tuple[str, str]]] = field(factory=list)
    items: dict[str, list[dict[str, Any]]] = field(factory=dict)
    page_size: int = 2
    asked: list[str] = field(factory=list)

    def answer(self, method: str, target: str, authorization: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON of an answer; None for one that is lost."""
        self.asked.append(f"{method} {target}")
        if authorization != "Basic " + b64encode(f"{ACCOUNT}:{self.token}".encode()).decode():
            return 401, _error(20003, 401)
        if self.says:
            return self.says.pop(0)
        path = urlsplit(target).path
        take = {f"{ROOT}/Messages.json": self._send, f"{ROOT}/Calls.json": self._call}.get(path)
        if method == "POST" and take is not None:
            return take(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True))
        if method == "GET" and path == f"{ROOT}.json":
            return 200, {"sid": ACCOUNT, "status": "active", "type": "Full", "friendly_name": "Shop"}
        resource = path.removeprefix(f"{ROOT}/").removesuffix(".json")
        if method == "GET" and resource in self.items:
            return 200, self._page(resource, target)
        return 404, _error(20404, 404)

    def _send(self, form: list[tuple[str, str]]) -> tuple[int, Any]:
        names = [name for name, _ in form]
        given = dict(form)
        if set(names) - _KNOWN or not _CONTENT & given.keys() or len(_SENDERS & given.keys()) != 1:
            return 400, _error(21602, 400)
        if len(given.get("Body", "")) > 1600:
            return 400, _error(21617, 400)
        if code := self.refused.get(given["To"]):
            return 429 if code == 20429 else 400, _error(code, 400)
        self.sent.append(form)
        sid = f"SM{len(self.sent):032d}"
        message = {"sid": sid, "status": "queued", "from": given.get("From"), "to": given["To"], "error_code": None}
        if self.loses:
            self.loses -= 1
            return 0, None
        return 201, message

    def _call(self, form: list[tuple[str, str]]) -> tuple[int, Any]:
        given = dict(form)
        twiml = ET.fromstring(given.get("Twiml", ""))  # noqa: S314 - our own
        [customer] = twiml.findall("./Dial/Number")
        if given.keys() != _CALLED or not (customer.text or "").startswith("+"):
            return 400, _error(21201, 400)
        if code := self.refused.get(customer.text or ""):
            return 400, _error(code, 400)
        self.sent.append(form)
        if self.loses:
            self.loses -= 1
            return 0, None
        return 201, {"sid": f"CA{len(self.sent):032d}", "status": "queued", "to": given["To"]}

    def _page(self, resource: str, target: str) -> dict[str, Any]:
        query = dict(parse_qsl(urlsplit(target).query))
        assert int(query["PageSize"]) <= 1000
        [since] = [value for name, value in query.items() if name.endswith(">")]
        assert len(since) == len("2026-11-20")
        start = int(query.get("PageToken", 0))
        end = start + self.page_size
        more = end < len(self.items[resource])
        next_page = f"{urlsplit(target).path}?{urlencode({**query, 'PageToken': end})}" if more else None
        return {resource.lower(): self.items[resource][start:end], "next_page_uri": next_page, "page": start}


def _error(code: int, status: int) -> dict[str, Any]:
    return {"code": code, "message": "Not so, +393331112233", "more_info": "https://...", "status": status}


@contextmanager
def served(api: TwilioApi) -> Iterator[TwilioApi]:
    """The API on an ephemeral port, while the block runs."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self._serve("POST")

        def do_GET(self) -> None:
            self._serve("GET")

        def _serve(self, method: str) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            status, said = api.answer(method, self.path, self.headers.get("authorization", ""), body)
            if not status:
                self.close_connection = True
                self.connection.close()
                return
            told = b"" if said is None else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(told)))
            self.end_headers()
            self.wfile.write(told)

        def log_message(self, format: str, *args: object) -> None:
            pass

        def finish(self) -> None:
            with suppress(OSError, ValueError):  # its connection was closed on purpose
                super().finish()

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.handle_error = lambda request, client_address: None  # type: ignore[method-assign]  # a lost answer is no error
        api.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield api
        finally:
            server.shutdown()
            thread.join()
