"""An in-memory messaging channel: the vendor, and a connector for it.

Its webhooks are JSON of their own making, signed with HMAC-SHA256:

    {"events": [{"type": "message", "id": "m1", "from": {"id": "ada", "name": "Ada"}, "room": "ada",
                 "ts": 1767603600000, "text": "Hello"}]}
"""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar

from attrs import define, field, frozen

from crocevia import signatures
from crocevia.clock import SYSTEM_CLOCK, Clock
from crocevia.connector import Connector, ReceivesWebhooks, SendsMessages
from crocevia.errors import MalformedError, OutcomeUnknownError, RemoteError, ThrottledError
from crocevia.model import (
    EPOCH,
    Attachment,
    Capabilities,
    ContactPoint,
    Event,
    Ignored,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Message,
    ParseContext,
    Party,
    Raw,
    Receipt,
    StatusReported,
    Unrecognised,
)
from crocevia.secret import Secret
from crocevia.signatures import Request

HEADER = "X-Memory-Signature"
URL = "https://crocevia.example/hooks/memory"
_SECRET = Secret("memory secret")
_STATUSES = ("sent", "delivered", "read", "failed")


@frozen(kw_only=True)
class Emitted:
    """One leaf that the vendor put into a webhook. `redelivery`: it was in one before."""

    id: str
    kind: str
    redelivery: bool = False


@define(kw_only=True, eq=False)
class MemoryChannel:
    """The vendor's side. Customers' doings queue up until `request` or `requests` makes webhooks of them.

    Attributes:
        clock: For the times in its webhooks.
        secret: What it signs with.
        account: Scope of its user ids.
        reports: Statuses it reports by itself for every message it was given, e.g. `("sent", "delivered")`.
        idempotent: Whether a second `send` of one `Message.id` is the first one again.
        reply_window: Declared in the connector's capabilities.
        max_text: Declared in the connector's capabilities.
        sent: Every message that went out, in order; also those whose answer was lost.
        emitted: Every leaf of every webhook made, in order.
    """

    clock: Clock = SYSTEM_CLOCK
    secret: Secret = _SECRET
    account: str = "shop"
    reports: Sequence[str] = ()
    idempotent: bool = False
    reply_window: timedelta | None = None
    max_text: int | None = None
    sent: list[Message] = field(factory=list, init=False)
    emitted: list[Emitted] = field(factory=list, init=False)
    _queue: list[dict[str, Any]] = field(factory=list, init=False)
    _requests: list[Request] = field(factory=list, init=False)
    _trouble: list[tuple[RemoteError, bool]] = field(factory=list, init=False)
    _receipts: dict[str, Receipt] = field(factory=dict, init=False)
    _ids: int = field(default=0, init=False)
    _lock: threading.RLock = field(factory=threading.RLock, init=False)

    def connector_class(self, kind: str = "memory_channel") -> type[MemoryChannelConnector]:
        """A connector class bound to this vendor, to register or to hand to `connector_suite`."""
        return type("MemoryChannelConnector", (MemoryChannelConnector,), {"vendor": self, "kind": kind})

    def connector(self, connection: str = "chat") -> MemoryChannelConnector:
        """A connector for this vendor, ready to use."""
        settings = MemoryChannelSettings(secret=self.secret, account=self.account)
        return self.connector_class()(settings, connection=connection, clock=self.clock)

    # What customers do; each returns the id of the new leaf

    def write(
        self,
        sender: str,
        text: str | None,
        *,
        name: str | None = None,
        phone: str | None = None,
        files: Sequence[Mapping[str, str]] = (),
        reply_to: str | None = None,
        automated: bool = False,
    ) -> str:
        """A customer writes, in a room of the same name. `phone` is shown with the message where given."""
        author = {"id": sender, "name": name, "phone": phone}
        shown = {key: value for key, value in author.items() if value is not None}
        said = {"from": shown, "room": sender, "text": text, "files": list(files), "reply_to": reply_to}
        return self._queue_leaf("message", **said, automated=automated)

    def edit(self, message: str, text: str) -> str:
        """A customer edits a message."""
        return self._queue_leaf("edit", message=message, text=text)

    def remove(self, message: str) -> str:
        """A customer takes a message back."""
        return self._queue_leaf("removal", message=message)

    def report(self, message: str, status: str, *, callback: str | None = None, reason: str | None = None) -> str:
        """The channel reports how an outbound message fares."""
        return self._queue_leaf("status", message=message, status=status, callback=callback, reason=reason)

    def emit(self, **leaf: Any) -> str:
        """Queue a leaf of any shape, odd ones too; `type` names it."""
        return self._queue_leaf(leaf.pop("type", "message"), **leaf)

    # Webhooks

    def request(self, most: int | None = None) -> Request | None:
        """One signed webhook with the leaves that wait, at most that many; None when none wait."""
        with self._lock:
            batch, self._queue = self._queue[:most], [] if most is None else self._queue[most:]
            if not batch:
                return None
            made = self.signed(json.dumps({"events": batch}, ensure_ascii=False).encode())
            self._requests.append(made)
            self.emitted += [Emitted(id=leaf["id"], kind=leaf["type"]) for leaf in batch]
            return made

    def requests(self, most: int = 1) -> list[Request]:
        """As many webhooks as it takes for all that waits, `most` leaves each."""
        found = []
        while (request := self.request(most)) is not None:
            found.append(request)
        return found

    def redeliver(self, index: int = -1) -> Request:
        """A webhook that was made before, byte for byte; the newest by default."""
        with self._lock:
            again = self._requests[index]
            leaves = json.loads(again.body)["events"]
            self.emitted += [Emitted(id=leaf["id"], kind=leaf["type"], redelivery=True) for leaf in leaves]
            return again

    def signed(self, body: bytes) -> Request:
        """Any body as a webhook with a good signature."""
        return Request(method="POST", url=URL, headers=sign(body, MemoryChannelSettings(secret=self.secret)), body=body)

    # Trouble for `send`

    def fail(self, error: RemoteError, *, times: int = 1) -> None:
        """Refuse the next sends; nothing goes out."""
        self._trouble += [(error, False)] * times

    def throttle(self, *, after: timedelta | None = None, times: int = 1) -> None:
        """Answer the next sends with "too many"."""
        self.fail(ThrottledError("memory: too many messages", after=after), times=times)

    def lose_answer(self, *, times: int = 1) -> None:
        """Let the next sends go out and lose the answer."""
        self._trouble += [(OutcomeUnknownError("memory: the answer was lost"), True)] * times

    def deliver(self, message: Message) -> Receipt:
        """Take a message from us. Raises what was arranged."""
        with self._lock:
            error, takes = self._trouble.pop(0) if self._trouble else (None, True)
            if not takes and error is not None:
                raise error
            receipt = self._receipts.get(message.id) if self.idempotent else None
            if receipt is None:
                receipt = Receipt(key=self._next("o"), conversation=message.conversation or message.to.value)
                self._receipts[message.id] = receipt
                self.sent.append(message)
                for status in self.reports:
                    self.report(receipt.key, status, callback=message.id)
            if error is not None:
                raise error
            return receipt

    def _queue_leaf(self, type_: str, **values: Any) -> str:
        with self._lock:
            leaf = {"type": type_, "id": self._next(type_[0]), "ts": _ms(self.clock.now())}
            leaf |= {key: value for key, value in values.items() if value not in (None, [], False)}
            self._queue.append(leaf)
            return str(leaf["id"])

    def _next(self, letter: str) -> str:
        self._ids += 1
        return f"{letter}{self._ids}"


@frozen(kw_only=True)
class MemoryChannelSettings:
    """The secret that signs webhooks, and the account whose user ids these are."""

    secret: Secret
    account: str = "shop"


class MemoryChannelConnector(Connector[MemoryChannelSettings], ReceivesWebhooks, SendsMessages):
    """Receives from and sends through one MemoryChannel, in this process."""

    kind = "memory_channel"
    leaf_paths = ("events.*",)
    vendor: ClassVar[MemoryChannel]

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        """HMAC-SHA256 of the body."""
        signatures.hmac_sha256(request, header=HEADER, secret=self.settings.secret, prefix="sha256=")

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event for each leaf of `events`."""
        body = raw.json()
        leaves = body.get("events") if isinstance(body, dict) else None
        if not isinstance(leaves, list):
            msg = "a webhook of the memory channel is an object with a list of events"
            raise MalformedError(msg)
        for index, leaf in enumerate(leaves):
            yield self._event(leaf, f"/events/{index}", context)

    def _event(self, leaf: Any, pointer: str, context: ParseContext) -> Event:
        kind = leaf.get("type") if isinstance(leaf, dict) else None
        try:
            match kind:
                case "message":
                    return self._message(leaf, pointer, context)
                case "edit" | "removal":
                    return _later(leaf, pointer, context)
                case "status" if leaf.get("status") in _STATUSES:
                    return _status(leaf, pointer, context)
                case "typing":
                    return Ignored(reason="typing is not a touch", leaf=pointer)
                case _:
                    return Unrecognised(what="an event of unknown type", leaf=pointer)
        except (KeyError, TypeError, MalformedError):
            return Unrecognised(what=f"a {kind} that lacks what each of them has", leaf=pointer)

    def _message(self, leaf: Mapping[str, Any], pointer: str, context: ParseContext) -> InteractionSeen:
        sender = leaf["from"]
        points = [ContactPoint("memory", self.settings.account, sender["id"])]
        if "phone" in sender:
            points.append(ContactPoint("phone", "", sender["phone"], slot="mobile", shown=sender["phone"]))
        files = [Attachment(kind=file["kind"], key=file["id"]) for file in leaf.get("files", ())]
        return InteractionSeen(
            key=leaf["id"],
            author=Party(points, name=sender.get("name")),
            at=context.from_ms(leaf["ts"]),
            conversation=leaf.get("room"),
            text=leaf.get("text"),
            attachments=tuple(files),
            in_reply_to=leaf.get("reply_to"),
            automated=leaf.get("automated") is True,
            leaf=pointer,
        )

    def send(self, message: Message) -> Receipt:
        """Hand it to the vendor, once."""
        return self.vendor.deliver(message)

    def capabilities(self, conversation: str | None) -> Capabilities:
        """As the vendor was made."""
        vendor = self.vendor
        return Capabilities(
            max_text=vendor.max_text, reply_window=vendor.reply_window, idempotent_send=vendor.idempotent
        )

    def address_kinds(self) -> tuple[str, ...]:
        """Its own user ids."""
        return ("memory",)


def _later(leaf: Mapping[str, Any], pointer: str, context: ParseContext) -> Event:
    key, of, at = leaf["id"], leaf["message"], context.from_ms(leaf["ts"])
    if leaf["type"] == "edit":
        return InteractionRevised(key=key, of=of, at=at, text=leaf["text"], leaf=pointer)
    return InteractionRemoved(key=key, of=of, at=at, leaf=pointer)


def _status(leaf: Mapping[str, Any], pointer: str, context: ParseContext) -> StatusReported:
    return StatusReported(
        of=leaf["message"],
        status=leaf["status"],
        at=context.from_ms(leaf["ts"]),
        detail=leaf.get("reason"),
        callback=leaf.get("callback"),
        leaf=pointer,
    )


def sign(body: bytes, settings: MemoryChannelSettings) -> dict[str, str]:
    """The headers of a good webhook with this body; `sign=` of `connector_suite`."""
    digest = hmac.new(settings.secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return {HEADER.lower(): f"sha256={digest}", "content-type": "application/json"}


def _ms(moment: datetime) -> int:
    return (moment - EPOCH) // timedelta(milliseconds=1)
