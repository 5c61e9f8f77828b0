"""WhatsApp as a channel."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from crocevia import (
    Capabilities,
    Connector,
    Event,
    Finding,
    Message,
    ParseContext,
    Raw,
    Receipt,
    SendsMessages,
)
from crocevia.errors import AuthError, OutcomeUnknownError, RemoteError
from crocevia_meta.graph import GRAPH_URL, refusal
from crocevia_meta.node import optional_id, optional_nodes
from crocevia_meta.webhooks import MetaWebhooks
from crocevia_meta.whatsapp import outgoing, reading
from crocevia_meta.whatsapp.parties import split_conversation
from crocevia_meta.whatsapp.settings import Settings

_CHECKED_FIELDS = "display_phone_number,verified_name,quality_rating,code_verification_status,platform_type"


class WhatsApp(Connector[Settings], MetaWebhooks, SendsMessages):
    """WhatsApp Business Platform, Cloud API (Graph API v23.0): every update in; text, templates and media out.

    An interaction's key is the message's `wamid`. A reaction is an interaction of its own that names the message it
    is about; taking it back is another, with an empty text: Meta tells the message, never the reaction it undoes.
    """

    kind = "whatsapp"
    base_url = GRAPH_URL
    leaf_paths = reading.LEAF_PATHS

    def authorise(self) -> Mapping[str, str]:
        """The access token, with every call."""
        return {"Authorization": f"Bearer {self.settings.access_token.reveal()}"}

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event, or one ignored or unrecognised, for each leaf; a broken leaf harms no other."""
        return reading.events(raw.json())

    def leaves(self, raw: Raw) -> list[str]:
        """Those of `leaf_paths`, and each branch that has none below: a field whose value itself is the news."""
        return [leaf.pointer for leaf in reading.leaves(raw.json())] or [""]

    def address_kinds(self) -> tuple[str, ...]:
        """A phone number, or the user id of somebody who hides theirs."""
        return ("phone", "whatsapp")

    def capabilities(self, conversation: str | None) -> Capabilities:
        """The same for every conversation."""
        return outgoing.CAPABILITIES

    def send(self, message: Message) -> Receipt:
        """Send one message, from the number that the conversation is with."""
        number, _ = split_conversation(message.conversation or "")
        path = f"/{self.settings.graph_version}/{number or self.settings.phone_number_id}/messages"
        answer = self.http.request("POST", path, json=outgoing.body(message))
        if not answer.ok:
            raise refusal(self.http, answer, what=f"message {message.id}")
        sent = answer.json()
        accepted = optional_nodes(sent, "messages") if isinstance(sent, dict) else []
        key = optional_id(accepted[0], "id") if accepted else None
        if key is None:
            raise OutcomeUnknownError(
                f"{self.connection}: message {message.id} was answered {answer.status} without an id; its status tells",
                status=answer.status,
            )
        return Receipt(key=key, conversation=message.conversation)

    def check(self) -> Iterator[Finding]:
        """Ask the Graph API for the number, and whether the account sends its webhooks to an app."""
        number = self._asked("number", f"/{self.settings.phone_number_id}", {"fields": _CHECKED_FIELDS})
        if isinstance(number, Finding):
            yield number
            return
        yield Finding(level="ok", what=f"number {number.get('display_phone_number')}")
        if number.get("quality_rating") == "RED":
            yield Finding(
                level="warning", what="quality", do="Meta rates the number RED: fewer sends, better templates"
            )
        if number.get("code_verification_status") not in (None, "VERIFIED"):
            yield Finding(level="problem", what="verification", do="verify the number in WhatsApp Manager")
        if self.settings.business_account_id:
            yield self._subscription(self.settings.business_account_id)

    def _subscription(self, account: str) -> Finding:
        apps = self._asked("webhooks", f"/{account}/subscribed_apps", {})
        if isinstance(apps, Finding):
            return apps
        if apps.get("data"):
            return Finding(level="ok", what="webhooks")
        do = f"no app is subscribed to account {account}: POST /{account}/subscribed_apps, or use the App dashboard"
        return Finding(level="problem", what="webhooks", do=do)

    def _asked(self, what: str, path: str, params: Mapping[str, str]) -> Mapping[str, Any] | Finding:
        """The object at `path`, or what is wrong."""
        try:
            answer = self.http.request("GET", f"/{self.settings.graph_version}{path}", params=params)
            if answer.ok:
                found = answer.json()
                return found if isinstance(found, dict) else {}
            raise refusal(self.http, answer, what=f"the {what} at {path}")
        except AuthError as error:
            return Finding(level="problem", what="access_token", do=str(error))
        except RemoteError as error:
            return Finding(level="problem", what=what, do=str(error))
