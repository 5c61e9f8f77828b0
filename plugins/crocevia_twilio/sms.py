"""Text messages over Twilio as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from crocevia import (
    Capabilities,
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
from crocevia_twilio import history, sms_outgoing, sms_reading
from crocevia_twilio.account import FORM, AccountSettings, TwilioAccount
from crocevia_twilio.refusals import refusal

_NO_REPLY = b'<?xml version="1.0" encoding="UTF-8"?>\n<Response/>'


@frozen(kw_only=True)
class SmsSettings(AccountSettings):
    """Text messages of one Twilio account.

    Attributes:
        sender: Who starts conversations: a number (`+39...`), a name, or `whatsapp:+39...`; replies go out from the
            number that the customer wrote to.
        messaging_service_sid: `MG...`: a Messaging Service chooses the sender instead.
        mms: Whether files can be sent from these numbers; outside of the United States and Canada they cannot.
    """

    sender: str | None = None
    messaging_service_sid: str | None = None
    mms: bool = False


class TwilioSms(TwilioAccount, Connector[SmsSettings], Polls, SendsMessages):
    """Twilio Programmable Messaging, API 2010-04-01: SMS, MMS, and WhatsApp, RCS and Messenger over it.

    An interaction's key is the message's SID (`SM...`, `MM...`).
    """

    kind = "twilio_sms"
    base_url = "https://api.twilio.com"
    verified_against = "specification"

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one ignored or unrecognised, for each leaf."""
        return sms_reading.events(raw)

    def leaves(self, raw: Raw) -> list[str]:
        """Each message, what became of each of ours, and what customers want to be sent."""
        return [leaf.pointer for leaf in sms_reading.leaves(raw)]

    def answer(self, request: Request) -> tuple[bytes, str]:
        """Nothing is answered at once: replies are sent."""
        return _NO_REPLY, "text/xml; charset=utf-8"

    def poll(self, cursor: str | None) -> RawPage:
        """The account's messages, newest first within a reading."""
        listed = history.List(
            path=self.path("Messages"), items="messages", since="DateSent%3E", stamps=("date_sent", "date_created")
        )
        return history.page(self.http, self.settings, listed, self.clock.now(), cursor)

    def address_kinds(self) -> tuple[str, ...]:
        """A telephone number; on their roads, ids of WhatsApp's and Messenger's."""
        return ("phone", "whatsapp", "messenger")

    def capabilities(self, conversation: str | None) -> Capabilities:
        """By the road that the conversation is on."""
        return sms_outgoing.capabilities(conversation, self.settings.sender, mms=self.settings.mms)

    def send(self, message: Message) -> Receipt:
        """Send one message, from the number that the conversation is with.

        Our id goes out in the status URL and comes back with each status, so that a send whose answer was lost is
        settled by the first; without `webhook_url`, by the account's list.
        """
        settings = self.settings
        body = sms_outgoing.form(
            message, sender=settings.sender, service=settings.messaging_service_sid, webhook_url=settings.webhook_url
        )
        answer = self.http.request("POST", self.path("Messages"), data=body, headers=FORM)
        if not answer.ok:
            raise refusal(self.http, answer, what=f"message {message.id}")
        sent = answer.json()
        key = sent.get("sid") if isinstance(sent, dict) else None
        if not isinstance(key, str) or not key:
            said = f"{self.connection}: message {message.id} was answered {answer.status} without an id"
            raise OutcomeUnknownError(f"{said}; its status tells", status=answer.status)
        return Receipt(key=key, conversation=message.conversation or self._started(sent.get("from"), sent.get("to")))

    @staticmethod
    def _started(ours: object, theirs: object) -> str | None:
        """The conversation that a first message began; None while Twilio has not chosen a sender."""
        both = isinstance(ours, str) and isinstance(theirs, str)
        return sms_reading.conversation(ours, theirs) if both else None  # type: ignore[arg-type]  # both are texts

    def check(self) -> Iterator[Finding]:
        """The account, and whether conversations can be started and sends settled."""
        yield from super().check()
        if not (self.settings.sender or self.settings.messaging_service_sid):
            do = "only replies go out: set `sender` or `messaging_service_sid` to start conversations"
            yield Finding(level="warning", what="sender", do=do)
        if not self.settings.webhook_url:
            do = "set it, so that Twilio tells what becomes of each message; until then only the account's list does"
            yield Finding(level="warning", what="webhook_url", do=do)
