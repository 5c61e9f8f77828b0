"""Calls over Twilio as a channel."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import Attribute, field, frozen, validators

from crocevia import (
    Connector,
    Event,
    Finding,
    Message,
    ParseContext,
    Polls,
    Raw,
    RawPage,
    Receipt,
    Request,
    SendsMessages,
)
from crocevia.errors import OutcomeUnknownError
from crocevia_twilio import addresses, calling, history, twiml, voice_leaves, voice_reading
from crocevia_twilio.account import FORM, AccountSettings, TwilioAccount
from crocevia_twilio.form import fields
from crocevia_twilio.refusals import refusal

MOST_DIALLED = 10
"""Telephones that ring together. Source: https://www.twilio.com/docs/voice/twiml/number (2026-03)."""
_LISTS = (
    ("Calls", "StartTime%3E", ("start_time", "date_created")),
    ("Recordings", "DateCreated%3E", ("date_created",)),
)


def _rings(address: str) -> bool:
    return addresses.is_phone(address) or addresses.split(address)[0] in ("client", "sip")


def _dialled(_: object, attribute: Attribute[tuple[str, ...]], value: tuple[str, ...]) -> None:
    if len(value) > MOST_DIALLED or not all(map(_rings, value)):
        msg = f"'{attribute.name}' must be at most {MOST_DIALLED} of +39..., client:... or sip:..."
        raise ValueError(msg)


def _telephones(_: object, attribute: Attribute[Any], value: Mapping[str, str] | str | None) -> None:
    told = value.values() if isinstance(value, Mapping) else filter(None, [value])
    if not all(map(_rings, told)):
        msg = f"'{attribute.name}' must be +39..., client:... or sip:..."
        raise ValueError(msg)


@frozen(kw_only=True)
class VoiceSettings(AccountSettings):
    """Calls of one Twilio account, and how one that comes in is answered.

    Attributes:
        greeting: Said first; None: nothing.
        dial: Who is called then, all at once: `+39...`, `client:...` or `sip:...`.
        ring_seconds: For so long.
        queue: Where no `dial` is set: the queue that the caller waits in.
        voicemail: Whether a caller whom nobody answers may leave a message.
        voicemail_greeting: Said before the tone.
        voicemail_seconds: Longest message.
        record: Whether calls that are put through are recorded: tell the callers in `greeting`.
        transcribe: Whether Twilio writes voicemails down; in English only.
        language: Of what is said.
        voice: Who says it, as Twilio names voices; None: Twilio's choice.
        caller: The number of ours that customers see when they are called; None: nobody is called.
        agents: `{"Anna Neri": "client:anna"}`: which telephone rings first when this person of the CRM wants to call.
        agent: Which rings for everybody else; None: nobody else's calls are made.
    """

    greeting: str | None = None
    dial: tuple[str, ...] = field(default=(), validator=_dialled)
    ring_seconds: int = field(default=20, validator=[validators.ge(5), validators.le(600)])
    queue: str | None = None
    voicemail: bool = False
    voicemail_greeting: str | None = None
    voicemail_seconds: int = field(default=120, validator=[validators.ge(1), validators.le(3600)])
    record: bool = False
    transcribe: bool = False
    language: str = "it-IT"
    voice: str | None = None
    caller: str | None = field(default=None, validator=validators.optional(validators.matches_re(r"\+[0-9]+")))
    agents: Mapping[str, str] = field(factory=dict, validator=_telephones)
    agent: str | None = field(default=None, validator=_telephones)


class TwilioVoice(TwilioAccount, Connector[VoiceSettings], Polls, SendsMessages):
    """Twilio Programmable Voice, API 2010-04-01: calls both ways, their legs, recordings and transcripts.

    An interaction's key is the SID of the call's first leg (`CA...`).
    """

    kind = "twilio_voice"
    base_url = "https://api.twilio.com"
    verified_against = "specification"

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one ignored or unrecognised, for each leaf."""
        settings = self.settings
        routing = voice_reading.Routing(
            put_through=bool(settings.dial or settings.queue or settings.voicemail),
            together=len(settings.dial) > 1,
            telephones=frozenset(filter(None, (*settings.agents.values(), settings.agent))),
        )
        return voice_reading.events(raw, routing)

    def leaves(self, raw: Raw) -> list[str]:
        """Each call, its end, each leg, recording and transcript."""
        return [leaf.pointer for leaf in voice_leaves.leaves(raw)]

    def answer(self, request: Request) -> tuple[bytes, str]:
        """TwiML: what Twilio is to do with the call now."""
        url = self.settings.webhook_url or request.url.partition("?")[0]
        return twiml.answer(fields(request.body), self.settings, url), "text/xml; charset=utf-8"

    def address_kinds(self) -> tuple[str, ...]:
        """Telephone numbers."""
        return ("phone",)

    def carries(self, kind: str) -> bool:
        """Calls alone."""
        return kind == "call"

    def send(self, message: Message) -> Receipt:
        """Have a telephone of ours ring that then calls the customer; our id comes back with each status."""
        body = calling.form(message, self.settings)
        answer = self.http.request("POST", self.path("Calls"), data=body, headers=FORM)
        if not answer.ok:
            raise refusal(self.http, answer, what=f"call {message.id}")
        made = answer.json()
        key = made.get("sid") if isinstance(made, dict) else None
        if not isinstance(key, str) or not key:
            said = f"{self.connection}: call {message.id} was answered {answer.status} without an id; its status tells"
            raise OutcomeUnknownError(said, status=answer.status)
        return Receipt(key=key)

    def poll(self, cursor: str | None) -> RawPage:
        """The account's calls, then its recordings, each newest first within a reading."""
        places: dict[str, str] = json.loads(cursor) if cursor else {}
        for resource, since, stamps in _LISTS:
            listed = history.List(path=self.path(resource), items=resource.lower(), since=since, stamps=stamps)
            page = history.page(self.http, self.settings, listed, self.clock.now(), places.get(resource))
            places[resource] = page.cursor
            if page.body or page.more:  # the other list is looked at next
                return RawPage(body=page.body, cursor=json.dumps(places), more=True)
        return RawPage(body=b"", cursor=json.dumps(places))

    def check(self) -> Iterator[Finding]:
        """The account, and whether anybody takes a call."""
        yield from super().check()
        settings = self.settings
        if not (settings.dial or settings.queue or settings.voicemail or settings.greeting):
            do = "a call that Twilio asks about here is hung up: set `dial`, `queue` or `voicemail`"
            yield Finding(level="warning", what="dial", do=do)
        if settings.record and not settings.greeting:
            do = "calls are recorded and nobody is told: say so in `greeting`"
            yield Finding(level="warning", what="record", do=do)
