"""The other side of the two connectors in memory: the vendor is an object here, so no call is served over HTTP."""
# ruff: noqa: D102 -- the methods do what a peer's are for

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from attrs import evolve

from crocevia import Connector, ContactPoint, Message, errors
from crocevia.testing import CRMPeer, FakeClock, MemoryChannel, MemoryCRM, Peer, Taken

NO_SECOND_SECRET = {"both_secrets": "the memory channel has one secret at a time"}
_TOO_FAST = timedelta(seconds=7)
_LATE = timedelta(seconds=20)


class MemoryChannelPeer(Peer):
    """A MemoryChannel that is as strict as its capabilities say."""

    without: ClassVar = {
        **NO_SECOND_SECRET,
        "echoes": "the memory channel tells its business nothing that it sent itself",
        "garbled answer": "nothing stands between it and us",
    }
    waits = _TOO_FAST

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.vendor = MemoryChannel(clock=clock, max_text=500, reply_window=timedelta(days=1))

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        peer = self

        def send(self: Any, message: Message) -> Any:
            if len(message.text or "") > 500:
                raise errors.RejectedError("memory: too long")
            before = len(peer.vendor.sent)
            try:
                return peer.vendor.deliver(message)
            finally:
                for taken in peer.vendor.sent[before:]:
                    peer.take(key=f"o{len(peer.vendor.sent)}", text=taken.text, ref=taken.id)

        bound: Any = type(cls.__name__, (cls,), {"vendor": self.vendor, "send": send})
        return bound(self.settings, connection="suite", clock=self.clock)  # type: ignore[no-any-return]  # made just now

    def fail_next(self, trouble: str) -> None:
        match trouble:
            case "lost answer":
                self.vendor.lose_answer()
            case "throttled":
                self.vendor.throttle(after=_TOO_FAST)
            case "down":
                self.vendor.fail(errors.RetryableError("memory: not there"))
            case "unauthorised":
                self.vendor.fail(errors.AuthError("memory: who are you?"))
            case "window closed":
                self.vendor.fail(errors.UndeliverableError("memory: too late"))

    def message(self, text: str) -> Message:
        to, now = ContactPoint("memory", "shop", "ada"), self.clock.now()
        return Message(id="suite-1", to=to, conversation="ada", text=text, last_inbound_at=now)

    def statuses(self, taken: Taken) -> list[bytes]:
        self.vendor.report(taken.key, "delivered", callback=taken.ref)
        return [request.body for request in self.vendor.requests()]


class MemoryCRMPeer(CRMPeer):
    """A MemoryCRM of small pages, with a person at it."""

    latest_commit = _LATE
    waits = _TOO_FAST
    many = 7
    without: ClassVar = {"garbled answer": "nothing stands between it and us"}
    made: ClassVar[Mapping[str, Any]] = {}

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.crm = MemoryCRM(clock=clock, page_limit=3, **self.made)

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        bound: Any = type(cls.__name__, (cls,), {"server": self.crm})
        return bound(self.settings, connection="suite", clock=self.clock)  # type: ignore[no-any-return]  # made just now

    def fail_next(self, trouble: str) -> None:
        match trouble:
            case "lost answer":
                self.crm.trouble.lose_answer()
            case "throttled":
                self.crm.trouble.throttle(after=_TOO_FAST)
            case "down":
                self.crm.trouble.fail(errors.RetryableError("memory: not there"))
            case "unauthorised":
                self.crm.trouble.fail(errors.AuthError("memory: who are you?"))

    def record(self, object_name: str, number: int) -> Mapping[str, Any]:
        if object_name == "Touch":
            return {
                "text": f"said {number}",
                "direction": "inbound",
                "kind": "message",
                "at": f"2026-11-0{number}T09:00:00.000Z",
            }
        if self.crm.lossy:
            return {"name": f"Ada Rossi {number}", "reachable": [["mobile", f"+3933312345{number:02}"]]}
        return {
            "first": "Ada",
            "last": f"Rossi {number}",
            "mobile": f"+3933312345{number:02}",
            "email": f"ada{number}@example.org",
        }

    def refused(self, object_name: str) -> Mapping[str, Any]:
        return {"text": 7} if object_name == "Touch" else {("name" if self.crm.lossy else "last"): "x" * 500}

    def holds(self, object_name: str) -> Sequence[str]:
        return list(self.crm.records(object_name))

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> Sequence[str]:
        first = len(self.crm.mutations) + 1
        return [self.crm.create(stream, late_by=late_by, **self.record(stream, first + n)) for n in range(count)]

    def delete(self, object_name: str, id: str) -> None:
        self.crm.delete(id)

    def merge(self, object_name: str, id: str, into: str) -> None:
        self.crm.merge(id, into=into)

    def forget_field(self, object_name: str) -> str:
        lost = "subject" if object_name == "Touch" else "tags"
        schema = self.crm.schemas[object_name]
        fields = {name: field for name, field in schema.fields.items() if name != lost}
        self.crm.schemas = {**self.crm.schemas, object_name: evolve(schema, fields=fields)}
        return lost


class LossyMemoryCRMPeer(MemoryCRMPeer):
    """One that keeps no key of ours and loses much."""

    made: ClassVar = {"lossy": True, "keyed": False}
