"""The vendor's side of one connector, as its author knows it: what silver and gold are tested against.

class AcmePeer(Peer):
    troubles = {"throttled": Answered(status=429, headers={"Retry-After": "7"}), ...}
    waits = timedelta(seconds=7)

    def serve(self, asked):
        said = asked.json()
        return Answered(json={"id": self.take(text=said["text"], ref=said["ref"], said=said).key})
"""

from __future__ import annotations

import io
import json as json_
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlsplit

import requests
from attrs import field, frozen

from crocevia.connector import Connector
from crocevia.http import Http
from crocevia.model import Attachment, Message, RawPage
from crocevia.signatures import Request
from crocevia.testing.clock import FakeClock

Trouble = Literal["down", "lost answer", "garbled answer", "throttled", "unauthorised", "window closed", "gone"]
"""What `fail_next` is asked for. `"down"`: nothing reaches the vendor. `"lost answer"`: it did what was asked, and the
connection broke. `"garbled answer"`: it did, and something that is no answer of its own came back (a proxy's page).
`"throttled"`, `"unauthorised"`, `"window closed"`, `"gone"`: it refuses so, and did nothing."""
Told = bytes | Request | RawPage
"""What a vendor tells: a webhook's body, a whole webhook where its URL or headers are needed, or a page."""
_PLAIN: Mapping[Trouble, int] = {"unauthorised": 401, "gone": 404}
_PROXY_PAGE = b"<html><body>502 Bad Gateway</body></html>"


@frozen(kw_only=True)
class Asked:
    """One HTTP call as the vendor gets it. `headers`: lower-case names."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body decoded; None when it is empty."""
        return json_.loads(self.body) if self.body else None

    def form(self) -> dict[str, str]:
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@frozen(kw_only=True)
class Answered:
    """What the vendor answers: `json`, or else `body` as it is."""

    status: int = 200
    json: Any = None
    body: bytes = b""
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class Taken:
    """One message that the vendor took.

    Attributes:
        key: Its id of it.
        text: What the customer reads; None when it has none.
        ref: What we gave to be handed back; None where the vendor takes nothing of the kind.
        said: Whatever the peer wants to remember for its echo.
    """

    key: str
    text: str | None = None
    ref: str | None = None
    said: Any = None


class Peer:
    """One vendor account, made anew for each test. Write what the vendor has; say in `without` what it has not.

    Everything over `self.http` comes to `serve`, without a network. A connector that speaks otherwise (SMTP, an
    exchange in memory, a server that really runs) overrides `connector`, `fail_next` and `close` instead.

    Class attributes:
        without: `{name: why the vendor has none}`, of a method or attribute below, a trouble, a limit of
            `Capabilities`, `callback` (it hands nothing of ours back), `write delete` (we may not delete),
            `delete X` (deletions of the object X are not told) or `settled` (what is fresh is told again, as its stamp
            may be given twice); such a check is left out, and told.
        troubles: How the vendor refuses, by trouble: `throttled`, `window closed`, and the others where it is not a
            plain 401 or 404.
        waits: What its "throttled" asks us to wait.
        replay_window: How far a signed time may be from ours; None: the vendor signs no time.
        latest_commit: How much older than its appearance a record's stamp can be; zero: stamps are in order.
        many: How many records take more than two pages.
        rest: How long the connector rests between two rounds of reading.

    Attributes:
        settings: The connection's.
        clock: The connector's; it stands still, or jumps. The vendor's own clock is another.
        taken: Every message it took, in order.
    """

    without: ClassVar[Mapping[str, str]] = {}
    troubles: ClassVar[Mapping[str, Answered]] = {}
    waits: ClassVar[timedelta | None] = None
    replay_window: ClassVar[timedelta | None] = None
    latest_commit: ClassVar[timedelta] = timedelta(0)
    many: ClassVar[int] = 7
    rest: ClassVar[timedelta] = timedelta(minutes=1)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        self.settings = settings
        self.clock = clock
        self.taken: list[Taken] = []
        self._due: list[Trouble] = []

    # How it is reached

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """A new instance that speaks with this peer, as after a restart."""
        http = Http("suite", new_session=lambda: _Line(self))
        return cls(self.settings, connection="suite", http=http, clock=self.clock)

    def serve(self, asked: Asked) -> Answered:
        """Answer one call, as strictly as the vendor does. Called for what no trouble was arranged for."""
        raise NotImplementedError

    def fail_next(self, trouble: Trouble) -> None:
        """Let the next call fail so; used up by it."""
        self._due.append(trouble)

    def commits(self, asked: Asked) -> bool:
        """Whether a call does something: only the answer of such a one is lost or garbled. Every call by default."""
        return True

    def close(self) -> None:
        """Stop whatever was started."""

    # Sending

    def take(self, *, text: str | None = None, ref: str | None = None, said: Any = None, key: str = "") -> Taken:
        """Take a message into `taken`; for `serve`. `key`: a number of its own where none is given."""
        taken = Taken(key=key or f"peer-{len(self.taken) + 1}", text=text, ref=ref, said=said)
        self.taken.append(taken)
        return taken

    def message(self, text: str) -> Message | None:
        """A message that the vendor would take; None: one to the first customer of the samples."""
        return None

    def echoes(self, taken: Taken) -> Sequence[Told]:
        """What the vendor tells of every message that goes out, ours too."""
        raise NotImplementedError

    def statuses(self, taken: Taken) -> Sequence[Told]:
        """What it tells of how a message fares."""
        raise NotImplementedError

    # Webhooks

    def handshake(self) -> tuple[Request, str]:
        """The request by which it sees that the address is ours, and the answer that it wants."""
        raise NotImplementedError

    def both_secrets(self, fresh: Any) -> Any:
        """Settings in which this connection's secrets and those of the settings `fresh` are good at once."""
        raise NotImplementedError

    def sign_at(self, body: bytes, at: datetime) -> Mapping[str, str]:
        """The headers of a good webhook, signed at that time. Needed where `replay_window` is set."""
        raise NotImplementedError

    # Reading

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> Sequence[str]:
        """Make that many records appear now, with one stamp of `late_by` ago; return their ids as events show them.

        Args:
            stream: The CRM's object; `""` for a channel that is polled.
            count: How many.
            late_by: At most `latest_commit`.
        """
        raise NotImplementedError

    # Files and people

    def files(self) -> Sequence[tuple[Attachment, bytes]]:
        """Attachments that the vendor holds, as its events show them, with their bytes."""
        raise NotImplementedError

    def erasable(self) -> Sequence[str]:
        """Three refs that it knows and can forget."""
        raise NotImplementedError

    def remembers(self, ref: str) -> bool:
        """Whether anything of it is left."""
        raise NotImplementedError

    # Inside

    def hear(self, asked: Asked) -> Answered:
        """Answer a call, or fail as arranged. Raises what a broken connection raises."""
        due = self._due[0] if self._due else None
        if due is None or (due in ("lost answer", "garbled answer") and not self.commits(asked)):
            return self.serve(asked)
        trouble = self._due.pop(0)
        if trouble == "down":
            raise requests.ConnectTimeout
        if trouble == "lost answer":
            self.serve(asked)
            raise requests.ReadTimeout
        if trouble == "garbled answer":
            self.serve(asked)
            return Answered(body=_PROXY_PAGE, headers={"Content-Type": "text/html"})
        return self.troubles.get(trouble) or Answered(status=_PLAIN[trouble])


class CRMPeer(Peer):
    """One CRM, with a person at it. `record` and `refused` give remote values, without our key and revision."""

    def record(self, object_name: str, number: int) -> Mapping[str, Any]:
        """Values of a good record number so-and-so, in full and in the form in which the CRM gives them back."""
        raise NotImplementedError

    def refused(self, object_name: str) -> Mapping[str, Any]:
        """Values that the CRM refuses for one record, while it takes its neighbours."""
        raise NotImplementedError

    def holds(self, object_name: str) -> Sequence[str]:
        """Ids of every living record, looked at without the connector."""
        raise NotImplementedError

    def delete(self, object_name: str, id: str) -> None:
        """A person deletes a record."""
        raise NotImplementedError

    def merge(self, object_name: str, id: str, into: str) -> None:
        """A person merges one record into another."""
        raise NotImplementedError

    def forget_field(self, object_name: str) -> str:
        """An administrator removes a field that the default mapping reads; return its name."""
        raise NotImplementedError


class _Line(requests.Session):
    """A session whose other end is the peer."""

    def __init__(self, peer: Peer) -> None:
        super().__init__()
        self._peer = peer

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Ask the peer."""
        url = urlsplit(request.url or "")
        body = request.body or b""
        asked = Asked(
            method=request.method or "",
            host=url.hostname or "",
            path=url.path,
            query=dict(parse_qsl(url.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in request.headers.items()},
            body=body.encode() if isinstance(body, str) else body,
        )
        return _response(request, self._peer.hear(asked))


def _response(request: requests.PreparedRequest, answered: Answered) -> requests.Response:
    body = answered.body if answered.json is None else json_.dumps(answered.json).encode()
    response = requests.Response()
    response.status_code, response.url, response.request = answered.status, request.url or "", request
    response.raw = io.BytesIO(body)
    response.headers.update({"Content-Type": "application/json", "Content-Length": str(len(body)), **answered.headers})
    return response
