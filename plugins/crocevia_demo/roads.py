"""The roads beside WhatsApp: their connections, and their doors for a customer."""

from __future__ import annotations

import hmac
import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

import jwt
from attrs import frozen

from crocevia_demo.doors import Door
from crocevia_demo.town.book import Book


@frozen
class Sofia:
    """The customer of every road."""

    name: str = "Sofia Ferraro"
    number: str = "393474820915"
    email: str = "sofia@ferraro.example"
    card: str = "CP-004217"


class Site(Door):
    """The chat on the shop's web site, as a browser uses it."""

    def __init__(self, url: str, secret: str, book: Book) -> None:
        super().__init__(url + "/chat/site")
        self._secret = secret
        self._book = book
        self._token = ""
        self.visitor = ""

    def begin(self, person: Sofia | None) -> None:
        """Open a session, or sign in as somebody whom the shop knows."""
        asked: dict[str, Any] = {"language": "it", **({"token": self._token} if self._token else {})}
        if person is not None:
            now = int(time.time())
            known = {"sub": "user-88", "name": person.name, "email": person.email, "email_verified": True}
            claims = {**known, "iat": now, "exp": now + 300}
            asked["identity"] = jwt.encode(claims, self._secret, algorithm="HS256")
        opened = self._call("POST", "/session", json=asked).json()
        self._token, self.visitor = opened["token"], opened["visitor"]

    def write(self, words: str) -> str:
        """A message; return its key."""
        made = {"id": str(uuid.uuid4()), "text": words}
        key = f"{self.visitor}:{made['id']}"
        self._book.sent("site", key, "message", self.visitor)
        self._call("POST", "/messages", json=made, headers=self._authorised)
        return key

    def read(self) -> list[dict[str, Any]]:
        """The company's lines, which count as received when they are read."""
        lines = self._call("GET", "/messages", headers=self._authorised).json()["lines"]
        return [line for line in lines if line["from"] == "company"]

    @property
    def _authorised(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self._token}"}


class Till(Door):
    """A till of the shop, which posts its receipts."""

    def __init__(self, url: str, secret: str, book: Book) -> None:
        super().__init__(url)
        self._secret = secret
        self._book = book

    def receipt(self, number: str, person: Sofia) -> str:
        """Somebody has bought something and shown her card; return the key of the visit."""
        key = f"Torino/1/{number}"
        self._book.sent("till", key, "visit", person.card)
        self._post({"receipt": number, "shop": "Torino", "till": "1", "amount": "18.50", "loyalty": person.card})
        return key

    def form(self, person: Sofia) -> None:
        """She has filled in the form of her card, and shown a document."""
        known = {"loyalty": person.card, "phone": "+" + person.number, "email": person.email, "name": person.name}
        self._post({"type": "link", **known})

    def _post(self, row: Mapping[str, str]) -> None:
        body = json.dumps({"at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), **row}).encode()
        signature = hmac.digest(self._secret.encode(), body, "sha256").hex()
        self._call("POST", "/hooks/till", data=body, headers={"X-Crocevia-Signature": signature})


class Town(Door):
    """The telephone company, the post office and the exchange, as their customers use them."""

    def deed(self, what: str, **said: Any) -> str:
        """Let somebody do something; return the id of what it makes."""
        return str(self._call("POST", f"/admin/{what}", json=said).json()["id"])

    def state(self) -> dict[str, Any]:
        """What is under way, and on which ports what is played."""
        found: dict[str, Any] = self._call("GET", "/admin/state").json()
        return found


class Social(Door):
    """The company's page and its Instagram account, as people use them."""

    def message(self, place: str, name: str, words: str) -> str:
        """Write in private to the page or the account; return the message's id."""
        return self._deed("message", place=place, name=name, message={"text": words})

    def comment(self, name: str, words: str) -> str:
        """Comment on the page's post; return the comment's id."""
        return self._deed("comment", place="page", name=name, text=words)

    def said(self) -> list[dict[str, Any]]:
        """What the company has said: `id`, `place`, `to`, `text`, `public`."""
        found: list[dict[str, Any]] = self._call("GET", "/admin/said").json()
        return found

    def is_idle(self) -> bool:
        """Whether everything was told."""
        return bool(self._call("GET", "/admin/idle").json()["idle"])

    def _deed(self, what: str, **said: Any) -> str:
        return str(self._call("POST", f"/admin/{what}", json=said).json()["id"])


PAGE = "1065000000000001"
ACCOUNT = "17841400000000001"
SECRET = ("sms", "phone", "email", "site", "till")
"""Roads on which the company and somebody else share a secret."""
SETTINGS = """
[connections.sms]
kind = "twilio_sms"
account_sid = "{account}"
auth_token = {{ env = "CROCEVIA_DEMO_SMS" }}
webhook_url = "{daemon}/hooks/sms"
base_url = "{town}"
reconcile_minutes = 0

[connections.phone]
kind = "asterisk"
user = "crocevia"
secret = {{ env = "CROCEVIA_DEMO_PHONE" }}
port = {ami}
own_numbers = ["0110000002"]

[connections.email]
kind = "email"
imap_host = "127.0.0.1"
imap_port = {imap}
imap_security = "none"
smtp_host = "127.0.0.1"
smtp_port = {smtp}
smtp_security = "none"
username = "info@ciclofficina.example"
password = {{ env = "CROCEVIA_DEMO_EMAIL" }}
addresses = ["info@ciclofficina.example"]
authserv_id = "mx.ciclofficina.example"
history_days = 1

[connections.site]
kind = "webchat"
site = "ciclofficina.example"
secret = {{ env = "CROCEVIA_DEMO_SITE" }}

[connections.till]
kind = "visits"
secret = {{ env = "CROCEVIA_DEMO_TILL" }}
programme = "ciclofficina"
trusts_contacts = true

[connections.messenger]
kind = "messenger"
page_id = "{page}"
base_url = "{social}"
app_secret = {{ env = "CROCEVIA_DEMO_APP_SECRET" }}
access_token = {{ env = "CROCEVIA_DEMO_ACCESS_TOKEN" }}
verify_token = {{ env = "CROCEVIA_DEMO_VERIFY_TOKEN" }}
webhooks_for = ["page", "instagram"]

[connections.page]
kind = "facebook_page"
page_id = "{page}"
base_url = "{social}"
app_secret = {{ env = "CROCEVIA_DEMO_APP_SECRET" }}
access_token = {{ env = "CROCEVIA_DEMO_ACCESS_TOKEN" }}
verify_token = {{ env = "CROCEVIA_DEMO_VERIFY_TOKEN" }}

[connections.instagram]
kind = "instagram"
account_id = "{instagram}"
base_url = "{social}"
app_secret = {{ env = "CROCEVIA_DEMO_APP_SECRET" }}
access_token = {{ env = "CROCEVIA_DEMO_ACCESS_TOKEN" }}
verify_token = {{ env = "CROCEVIA_DEMO_VERIFY_TOKEN" }}
"""
