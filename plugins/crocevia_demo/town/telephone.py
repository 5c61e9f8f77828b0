"""The telephone company as its API tells it: text messages of Twilio's kind.

Source: https://www.twilio.com/docs/messaging/api/message-resource, .../usage/security (2026-03). Messages are taken for
a known account alone; each that was taken tells `sent` and `delivered`.
"""

from __future__ import annotations

import hmac
import secrets
from base64 import b64decode, b64encode
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

from attrs import define

from crocevia_demo.town.book import Book
from crocevia_demo.town.deliveries import Deliveries, Delivery

OUR_NUMBER = "+390110000001"
_MOST_TEXT = 1600
_FORM = "application/x-www-form-urlencoded; charset=utf-8"


@define
class Telephone:
    """One account of the company's.

    Attributes:
        texts_url: Where texts are told.
    """

    account: str
    token: str
    texts_url: str
    book: Book
    deliveries: Deliveries

    def text(self, number: str, words: str) -> str:
        """A customer writes; return the message's SID."""
        sid = _sid("SM")
        self.book.sent("sms", sid, "message", number)
        said = {"MessageSid": sid, "SmsStatus": "received", "From": number, "To": OUR_NUMBER, "Body": words}
        self._tell(self.texts_url, {**said, "NumMedia": "0", "NumSegments": "1"})
        return sid

    def take(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        """`POST .../Messages.json`: status and JSON of the answer."""
        if path != f"/2010-04-01/Accounts/{self.account}/Messages.json":
            return 404, _error(20404, "The requested resource was not found")
        scheme, _, given = headers.get("Authorization", "").partition(" ")
        if scheme != "Basic" or b64decode(given).decode() != f"{self.account}:{self.token}":
            return 401, _error(20003, "Authenticate")
        said = dict(parse_qsl(body.decode(), keep_blank_values=True))
        if not said.get("To") or not said.get("From"):
            return 400, _error(21604, "A 'To' and a 'From' phone number are required")
        if not said.get("Body"):
            return 400, _error(21602, "Message body is required")
        if len(said["Body"]) > _MOST_TEXT:
            return 400, _error(21617, "The concatenated message body exceeds the 1600 character limit")
        return 201, self._taken(said)

    def _taken(self, said: Mapping[str, str]) -> dict[str, Any]:
        sid, url = _sid("SM"), said.get("StatusCallback", "")
        ours = parse_qs(urlsplit(url).query).get("crocevia", [""])[0]
        self.book.received("sms", sid, said["To"], ours)
        for status in ("sent", "delivered") if url else ():
            self.book.sent("sms", f"{sid}:{status}", "status", said["To"], of=sid, status=status)
            told = {"MessageSid": sid, "MessageStatus": status, "From": said["From"], "To": said["To"]}
            self._tell(url, told)
        return {"sid": sid, "status": "queued", "from": said["From"], "to": said["To"], "body": said["Body"]}

    def _tell(self, url: str, told: Mapping[str, str]) -> None:
        fields = {"AccountSid": self.account, "ApiVersion": "2010-04-01", **told}
        signed = url + "".join(name + fields[name] for name in sorted(fields))
        signature = b64encode(hmac.digest(self.token.encode(), signed.encode(), "sha1")).decode()
        headers = {"Content-Type": _FORM, "X-Twilio-Signature": signature}
        self.deliveries.add(Delivery(url, urlencode(fields).encode(), headers))


def _sid(prefix: str) -> str:
    return prefix + secrets.token_hex(16)


def _error(code: int, message: str) -> dict[str, Any]:
    return {"code": code, "message": message, "more_info": f"https://www.twilio.com/docs/errors/{code}"}
