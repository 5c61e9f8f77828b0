"""Twilio's side of its two connectors: the strict API, asked without a network."""

from collections.abc import Mapping
from datetime import timedelta
from email.utils import format_datetime
from typing import Any, ClassVar
from urllib.parse import urlencode

from attrs import evolve

from crocevia import Attachment, ContactPoint, Message, Request
from crocevia.testing import Answered, Asked, FakeClock, Peer, Taken
from tests.plugins.twilio.twilio_api import OURS, ROOT, TwilioApi

_ANNA = "+393331112233"
_FILE = f"{ROOT}/Messages/MM1/Media/ME1"
HOOK = "https://crocevia.example/hooks/suite"


class _TwilioPeer(Peer):
    """One account, whose list holds what no webhook told."""

    resource: ClassVar[str]
    without: ClassVar[Mapping[str, str]] = {"gone": "a file has an address of its own: the core meets its 404"}
    rest = timedelta(hours=2)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.api = TwilioApi(token=settings.auth_token.reveal(), items={"Calls": [], "Messages": [], "Recordings": []})

    def serve(self, asked: Asked) -> Answered:
        """As the API answers."""
        target = asked.path + ("?" + urlencode(asked.query) if asked.query else "")
        before = len(self.api.sent)
        status, said = self.api.answer(asked.method, target, asked.headers.get("authorization", ""), asked.body)
        if asked.path == _FILE and status == 404:  # it is signed in, and no list
            return Answered(body=b"pixels", headers={"Content-Type": "image/png"})
        for form in map(dict, self.api.sent[before:]):
            ref = form.get("StatusCallback", "").rpartition("=")[2] or None
            self.take(key=said["sid"], text=form.get("Body"), ref=ref, said=form)
        return Answered(status=status, json=said)

    def both_secrets(self, fresh: Any) -> Any:
        """The primary token and the secondary one."""
        return evolve(self.settings, next_auth_token=fresh.auth_token)

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> list[str]:
        """Items of the list, newest first."""
        known = self.api.items[self.resource]
        ids = [self.sid(len(known) + number) for number in range(count)]
        known[:0] = [self.item(sid) for sid in reversed(ids)]
        return ids

    def sid(self, number: int) -> str:
        """An id of its kind."""
        raise NotImplementedError

    def item(self, sid: str) -> dict[str, Any]:
        """What the list holds of one."""
        raise NotImplementedError

    def files(self) -> list[tuple[Attachment, bytes]]:
        """A picture that lies at the API."""
        return [(Attachment(kind="image", key="ME1", url=f"https://api.twilio.com{_FILE}"), b"pixels")]


class SmsPeer(_TwilioPeer):
    """Messages."""

    resource = "Messages"
    without: ClassVar = {
        **_TwilioPeer.without,
        "echoes": "Twilio tells of our own messages by their statuses, and in its list",
    }
    troubles: ClassVar = {
        "throttled": Answered(status=429, json={"code": 20429, "status": 429}),
        "unauthorised": Answered(status=401, json={"code": 20003, "status": 401}),
        "window closed": Answered(status=400, json={"code": 63016, "status": 400}),
    }
    waits = timedelta(seconds=5)

    def message(self, text: str) -> Message:
        """To Anna, who has written."""
        to, now = ContactPoint("phone", "", _ANNA), self.clock.now()
        return Message(id="suite-1", to=to, conversation=f"{OURS},{_ANNA}", text=text, last_inbound_at=now)

    def statuses(self, taken: Taken) -> list[Request]:
        """To the URL that the message gave."""
        form = {"MessageSid": taken.key, "MessageStatus": "delivered", "From": OURS, "To": _ANNA}
        url = taken.said["StatusCallback"]
        return [Request(method="POST", url=url, headers={}, body=urlencode(form).encode())]

    def sid(self, number: int) -> str:
        """Of a message."""
        return f"SM{number:032d}"

    def item(self, sid: str) -> dict[str, Any]:
        """One that came in."""
        sent = format_datetime(self.clock.now())
        said = {"direction": "inbound", "from": _ANNA, "to": OURS, "body": "x", "status": "received"}
        return {"sid": sid, **said, "date_sent": sent}


class VoicePeer(_TwilioPeer):
    """Calls."""

    resource = "Calls"
    without: ClassVar = {
        **_TwilioPeer.without,
        "echoes": "Twilio tells of our own calls by their statuses, and in its list",
    }
    troubles: ClassVar = SmsPeer.troubles
    waits = SmsPeer.waits

    def message(self, text: str) -> Message:
        """A call to Anna."""
        return Message(id="suite-1", to=ContactPoint("phone", "", _ANNA), kind="call")

    def statuses(self, taken: Taken) -> list[Request]:
        """As the telephone of ours that rings first."""
        form = {"CallSid": taken.key, "CallStatus": "initiated", "Direction": "outbound-api", **taken.said}
        said = {name: form[name] for name in ("CallSid", "CallStatus", "Direction", "From", "To")}
        return [Request(method="POST", url=taken.said["StatusCallback"], headers={}, body=urlencode(said).encode())]

    def sid(self, number: int) -> str:
        """Of a call."""
        return f"CA{number:032d}"

    def item(self, sid: str) -> dict[str, Any]:
        """One that was answered."""
        at = format_datetime(self.clock.now())
        said = {"direction": "inbound", "from": _ANNA, "to": OURS, "status": "completed", "duration": "12"}
        return {"sid": sid, **said, "start_time": at, "end_time": at}
