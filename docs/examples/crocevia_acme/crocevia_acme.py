"""Acme Chat as a channel: texts and files in, texts out, and how they fare."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from crocevia import (
    Attachment,
    Capabilities,
    Connector,
    ContactPoint,
    Event,
    Finding,
    Ignored,
    InteractionSeen,
    Message,
    ParseContext,
    Party,
    Raw,
    Receipt,
    ReceivesWebhooks,
    Request,
    Secret,
    SendsMessages,
    StatusReported,
    Unrecognised,
    hookimpl,
    signatures,
)
from crocevia.errors import MalformedError, OutcomeUnknownError, UndeliverableError


@frozen
class Settings:
    """One Acme workspace.

    Attributes:
        token: Of the app: it signs webhooks and opens the API.
        workspace: Its id. A user's id means something only in it.
        base_url: Elsewhere in tests only.
    """

    token: Secret
    workspace: str
    base_url: str = "https://api.acme.example"


class AcmeChat(Connector[Settings], ReceivesWebhooks, SendsMessages):
    """Acme Chat, API v3 (https://acme.example/docs, 2026-10). Texts, both ways."""

    kind = "acme_chat"
    leaf_paths = ("messages.*", "receipts.*")

    def authorise(self) -> Mapping[str, str]:
        """The headers of every call."""
        return {"Authorization": f"Bearer {self.settings.token.reveal()}"}

    def check(self) -> Iterator[Finding]:
        """Whether the token opens the workspace; a failed call is a finding that core makes of the error."""
        found = self.http.get("/v3/me")
        if found["workspace"] == self.settings.workspace:
            yield Finding(level="ok", what=f"token of {found['app']}")
        else:
            yield Finding(level="problem", what="workspace", do=f"the token is of {found['workspace']}: set that")

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        """HMAC-SHA256 of the body. Source: https://acme.example/docs/webhooks, 2026-10."""
        signatures.hmac_sha256(request, header="X-Acme-Signature", secret=self.settings.token)

    def parse(self, raw: Raw, context: ParseContext) -> Iterator[Event]:
        """One event for each message and receipt of a delivery."""
        body = raw.json()
        if not isinstance(body, dict):
            raise MalformedError("an Acme delivery is an object")
        for name, translate in (("messages", self._message), ("receipts", self._receipt)):
            for index, leaf in enumerate(body.get(name, ())):
                try:
                    yield translate(leaf, f"/{name}/{index}", context)
                except (KeyError, TypeError, MalformedError):
                    yield Unrecognised(what=f"one of {name} that lacks what each has", leaf=f"/{name}/{index}")

    def _message(self, message: Any, leaf: str, context: ParseContext) -> Event:
        match message.get("type", "text") if isinstance(message, dict) else None:
            case "typing":
                return Ignored(reason="typing is not a touch", leaf=leaf)
            case "text" | "file":
                author = ContactPoint("acme_chat", self.settings.workspace, message["from"])
                return InteractionSeen(
                    key=message["id"],
                    author=Party([author], name=message.get("name")),
                    conversation=message["room"],
                    at=context.from_ms(message["ts"]),
                    text=message.get("text"),
                    attachments=[Attachment(kind="document", key=file["id"]) for file in message.get("files", ())],
                    leaf=leaf,
                )
            case _:
                return Unrecognised(what="a message of unknown type", leaf=leaf)

    def _receipt(self, receipt: Any, leaf: str, context: ParseContext) -> Event:
        if receipt["state"] not in ("sent", "delivered", "read", "failed"):
            return Unrecognised(what="a receipt of unknown state", leaf=leaf)
        at = context.from_ms(receipt["ts"])
        return StatusReported(
            of=receipt["message"], status=receipt["state"], at=at, callback=receipt.get("ref"), leaf=leaf
        )

    def capabilities(self, conversation: str | None) -> Capabilities:
        """Source: https://acme.example/docs/limits, 2026-10."""
        return Capabilities(max_text=2000, reply_window=timedelta(days=7), idempotent_send=True)

    def send(self, message: Message) -> Receipt:
        """Acme sends one message for one `ref`, however often it is asked; so a lost answer may be asked for again."""
        said = {"room": message.conversation, "to": message.to.value, "text": message.text, "ref": message.id}
        answer = self.http.request("POST", "/v3/messages", json=said, idempotent=True)
        if answer.status == 403:
            raise UndeliverableError(f"{self.connection}: the customer has left the room; answer on another channel")
        if not answer.ok:
            raise self.http.refusal(answer)
        try:
            return Receipt(key=answer.json()["id"], conversation=message.conversation)
        except (KeyError, TypeError):
            raise OutcomeUnknownError(f"{self.connection}: Acme took {message.id} and gave no id") from None


@hookimpl
def crocevia_register_connectors() -> list[type[AcmeChat]]:
    """Give the connector."""
    return [AcmeChat]
