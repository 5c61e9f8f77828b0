"""The web chat as a connector: what visitors' calls mean, and what is sent to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import asdict, evolve

from crocevia import (
    Capabilities,
    Connector,
    Event,
    Finding,
    Message,
    ParseContext,
    Raw,
    Receipt,
    Request,
    SendsMessages,
    ServesVisitors,
    Visit,
    VisitorReads,
    VisitorReply,
    VisitorSaid,
)
from crocevia.errors import MalformedError, SignatureError, UndeliverableError
from crocevia_webchat import reading, session, text
from crocevia_webchat.identity import proven
from crocevia_webchat.script import script
from crocevia_webchat.session import Visitor
from crocevia_webchat.settings import Settings

OLDEST = timedelta(days=7)
"""A message that waited in a browser without a network keeps its time, up to so long ago."""
MOST_STATUSES = 50
MOST_BUTTONS = 10
"""More than fit under one another on a phone become a numbered text."""
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


class WebChat(Connector[Settings], ServesVisitors, SendsMessages):
    """The company's own chat. What is sent is read from the log by the widget or app, which says how it fared."""

    kind = reading.KIND
    leaf_paths = ("events.*",)
    verified_against = "real server"

    def check(self) -> Iterator[Finding]:
        """Whether pages may call at all, and nothing of it is in the clear."""
        origins = self.settings.origins
        if not origins:
            do = "no web page may carry the widget: name its origin in `origins`, unless only an app calls"
            yield Finding(level="warning", what="origins", do=do)
        for origin in origins:
            if origin.startswith("http://") and not re.match(r"http://(localhost|127\.0\.0\.1|\[::1\])(:|$)", origin):
                yield Finding(
                    level="warning", what=origin, do="what is written there can be read on the way: use https"
                )
            else:
                yield Finding(level="ok", what=f"pages of {origin}")
        if self.settings.previous_secret is not None:
            do = "when it is removed, who has not been there since the change begins anew, without his history"
            yield Finding(level="warning", what="previous_secret", do=do)

    # --- visitors ---------------------------------------------------------------------------------------------------

    def origins(self) -> Sequence[str]:
        """As the settings say."""
        return self.settings.origins

    def serve(self, request: Request, path: str, now: datetime) -> Visit | None:
        """One call of the widget or an app."""
        match request.method, path:
            case "GET", "widget.js":
                return script(self.settings, request.headers.get("if-none-match", ""))
            case "POST", "session":
                return self._session(_object(request), now)
            case "POST", "messages":
                return self._said(_object(request), self._visitor(request, now), now)
            case "POST", "statuses":
                return self._fared(_object(request), self._visitor(request, now), now)
            case "GET", "messages":
                return self._read(request, self._visitor(request, now), now)
            case _:
                return None

    def _visitor(self, request: Request, now: datetime) -> Visitor:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        token = token.strip() if scheme.lower() == "bearer" else ""
        return session.read(token, self.settings.secrets, self.settings.site, now)

    def _session(self, asked: Mapping[str, Any], now: datetime) -> Visit:
        """Begin or renew a session; whom the site tells of for the first time, or otherwise than before, is kept."""
        ours = self.settings
        signed = asked.get("identity")
        identity = None
        if signed is not None:
            identity = proven(str(signed), ours.secrets, ours.site, now, ours.clock_skew_seconds)
        before = _before(asked.get("token"), ours, now)
        known = None if identity is None else _before(asked.get("known"), ours, now, session.ANONYMOUS_LIFE)
        visitor = session.begin(before, known, identity, ours.site)
        if identity is None or identity.digest == visitor.told:
            return VisitorReply.json(self._opened(visitor, asked, now))
        visitor = evolve(visitor, told=identity.digest)
        told: dict[str, Any] = {
            "type": "identified",
            "id": identity.digest,
            "identity": asdict(identity),
            "was": visitor.was,
        }
        told["language"] = text.language(asked.get("language"))
        reply = VisitorReply.json(self._opened(visitor, asked, now))
        return VisitorSaid(visitor=visitor.id, body=self._raw(visitor, now, told), reply=reply)

    def _opened(self, visitor: Visitor, asked: Mapping[str, Any], now: datetime) -> dict[str, Any]:
        ours = self.settings
        language = text.language(asked.get("language")) or ""
        return {
            "token": session.issue(visitor, ours.secret, ours.site, now),
            "expires_in_s": int(session.life(visitor).total_seconds()),
            "visitor": visitor.id,
            "known": visitor.subject is not None,
            "open": self._open(now),
            "title": ours.title,
            "greeting": ours.greeting.get(language) or ours.greeting.get(language.partition("-")[0]) or "",
            "max_text": text.MOST_TEXT,
        }

    def _open(self, now: datetime) -> bool:
        return self.settings.open and self.settings.hours.open_at(now)

    def _said(self, asked: Mapping[str, Any], visitor: Visitor, now: datetime) -> Visit:
        """A message, from the chat or the form; posted again with the same id, it is the same one."""
        key, words, contact = str(asked.get("id", "")).lower(), asked.get("text"), asked.get("contact")
        if not _UUID.fullmatch(key):
            raise MalformedError("id: expected a UUID of your own for this message")
        if not isinstance(words, str) or not text.clean(words):
            raise MalformedError("text: expected one that is not empty")
        if len(text.clean(words)) > text.MOST_TEXT:
            raise MalformedError(f"text: expected at most {text.MOST_TEXT} characters")
        if contact is not None and not isinstance(contact, dict):
            raise MalformedError("contact: expected an object of name, email and phone")
        waited = asked.get("age_ms")
        at = now
        if type(waited) is int:
            at = now - min(max(timedelta(0), timedelta(milliseconds=min(waited, 10**12))), OLDEST)
        if visitor.subject is not None:
            contact = None  # the site's server knows better; what somebody types could only put it in doubt
        told = {"type": "message", "id": key, "text": words, "contact": contact}
        told["language"] = text.language(asked.get("language"))
        reply = VisitorReply.json({"key": f"{visitor.id}:{key}", "open": self._open(now)})
        return VisitorSaid(visitor=visitor.id, body=self._raw(visitor, at, told), reply=reply)

    def _fared(self, asked: Mapping[str, Any], visitor: Visitor, now: datetime) -> Visit:
        """That lines of the company have arrived, or were read."""
        status, keys = asked.get("status"), asked.get("keys")
        if status not in reading.STATUSES:
            raise MalformedError("status: expected delivered or read")
        if not isinstance(keys, list) or not 0 < len(keys) <= MOST_STATUSES or not all(type(k) is str for k in keys):
            raise MalformedError(f"keys: expected a list of 1 to {MOST_STATUSES} keys of lines")
        about = tuple(dict.fromkeys(keys))
        body = self._raw(visitor, now, *({"type": "status", "status": status, "of": key} for key in about))
        reply = VisitorReply.json({})
        return VisitorSaid(visitor=visitor.id, body=body, reply=reply, conversations=visitor.conversations, about=about)

    def _read(self, request: Request, visitor: Visitor, now: datetime) -> Visit:
        wait = request.query.get("wait", "0")
        return VisitorReads(
            visitor=visitor.id,
            conversations=visitor.conversations,
            after=request.query.get("after", ""),
            wait_s=float(wait) if wait.isascii() and wait.isdigit() and len(wait) < 6 else 0.0,
            also={"open": self._open(now)},
        )

    def _raw(self, visitor: Visitor, at: datetime, *events: Mapping[str, Any]) -> bytes:
        """What was posted, and what the server knows."""
        at_ms = int(at.timestamp() * 1000)
        known = {"site": self.settings.site, "visitor": visitor.id, "at": at_ms}
        told = [{name: value for name, value in {**one, **known}.items() if value is not None} for one in events]
        return json.dumps({"events": told}).encode()

    # --- the core's side --------------------------------------------------------------------------------------------

    def parse(self, raw: Raw, context: ParseContext) -> Iterator[Event]:
        """One event for each leaf of `events`."""
        body = raw.json()
        leaves = body.get("events") if isinstance(body, dict) else None
        if not isinstance(leaves, list):
            raise MalformedError("what a visitor's call leaves is an object with a list of events")
        for index, leaf in enumerate(leaves):
            yield reading.event(leaf, f"/events/{index}", context)

    def capabilities(self, conversation: str | None) -> Capabilities:
        """Texts of any length with choices, at any time: the visitor's browser reads them when it is there."""
        return Capabilities(subject=True, buttons=MOST_BUTTONS, button_text=60, idempotent_send=True)

    def send(self, message: Message) -> Receipt:
        """Nothing leaves: under this key the log shows it to its visitor, in his own conversation and in no other."""
        if message.to.kind != self.kind or message.to.scope != self.settings.site:
            do = "answer on the channel where he wrote"
            raise UndeliverableError(f"{self.connection}: message {message.id} is to nobody of this site; {do}")
        return Receipt(key=message.id, conversation=message.to.value)


def _object(request: Request) -> Mapping[str, Any]:
    try:
        found = json.loads(request.body)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise MalformedError("expected a JSON object")
    return found


def _before(token: Any, settings: Settings, now: datetime, grace: timedelta = timedelta(0)) -> Visitor | None:
    """Who he was before; None where that is not proven any more, so that he begins anew."""
    try:
        return session.read(token, settings.secrets, settings.site, now, grace) if isinstance(token, str) else None
    except SignatureError:
        return None
