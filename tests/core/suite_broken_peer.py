"""A good channel with its peer, and some that are broken in one way each; silver and gold are to notice."""
# ruff: noqa: D102 -- the methods do what the contract says, or the class says what they do wrong

import hashlib
import hmac
import json
from base64 import b64encode
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

from attrs import evolve, frozen

from crocevia import (
    Attachment,
    Capabilities,
    Connector,
    ContactPoint,
    Event,
    InteractionSeen,
    MediaSource,
    Message,
    Outcome,
    ParseContext,
    Party,
    Raw,
    RawPage,
    Receipt,
    ReceivesWebhooks,
    Request,
    Secret,
    SendsMessages,
    StatusReported,
    Unrecognised,
    Written,
    errors,
    signatures,
)
from crocevia.connector import Erases, HoldsMedia, Polls
from crocevia.testing import Answered, Asked, FakeClock, Peer, Taken

_WINDOW = timedelta(minutes=5)
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
_NO_SECRET = Secret("")


@frozen
class Settings:
    """A secret, and the one that comes after it."""

    token: Secret
    next_token: Secret = _NO_SECRET


def one_test(suite: type, connector: type) -> type:
    """The suite of a broken connector with the one test that its docstring names: to collect all takes long."""
    wanted = (connector.__doc__ or "").rstrip(".")
    for name in dir(suite) if wanted.startswith("test_") else ():
        if name.startswith("test_") and name != wanted:
            setattr(suite, name, None)
    return suite


def _digest(token: Secret, at: str, body: bytes) -> str:
    return hmac.new(token.reveal().encode(), at.encode() + b"." + body, hashlib.sha256).hexdigest()


def _basic(settings: Settings) -> str:
    return "Basic " + b64encode(b"app:" + settings.token.reveal().encode()).decode()


def _signed(body: bytes, settings: Settings, at: datetime) -> dict[str, str]:
    seconds = str(int(at.timestamp()))
    return {"X-Time": seconds, "X-Signature": _digest(settings.token, seconds, body)}


def sign(body: bytes, settings: Settings) -> dict[str, str]:
    """The headers of a good webhook, at the suite's own time."""
    return _signed(body, settings, NOW)


def _message(**leaf: Any) -> dict[str, Any]:
    return {"from": "ada", "room": "room-1", "at": "2026-11-20T12:00:00Z", **leaf}


class GoodChannel(Connector[Settings], ReceivesWebhooks, SendsMessages, Polls, HoldsMedia, Erases):
    """As it should be."""

    kind = "good_channel"
    base_url = "https://good.example"
    leaf_paths = ("messages.*",)

    def authorise(self) -> Mapping[str, str]:
        return {"Authorization": _basic(self.settings)}

    def challenge(self, request: Request) -> str | None:
        if request.method != "GET" or "challenge" not in request.query:
            return None
        if not signatures.same_text(request.query.get("token"), self.settings.token):
            raise errors.SignatureError("another token")
        return request.query["challenge"]

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        at = request.headers.get("x-time", "")
        if not (at.isascii() and at.isdigit() and len(at) < 12) or abs(now.timestamp() - int(at)) > 300:
            raise errors.SignatureError("no time, or one that is too far off")
        given = request.headers.get("x-signature", "").encode("utf-8", "surrogatepass")
        tokens = [token for token in (self.settings.token, self.settings.next_token) if token]
        if not any(hmac.compare_digest(given, _digest(token, at, request.body).encode()) for token in tokens):
            raise errors.SignatureError("wrong")

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        body = raw.json()
        if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
            raise errors.MalformedError("no list of messages")
        for index, message in enumerate(body["messages"]):
            yield self.event(message, f"/messages/{index}", context)

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        try:
            at = self.moment(message["at"], context)
            if message["type"] == "status":
                ref = message.get("ref")
                return StatusReported(of=message["of"], status="delivered", at=at, callback=ref, leaf=leaf)
            if message["type"] in ("text", "echo"):
                return self.text(message, at, leaf)
        except (LookupError, TypeError, errors.MalformedError):
            return Unrecognised(what="a message of unknown shape", leaf=leaf)
        return Unrecognised(what="a message of unknown type", leaf=leaf)

    def moment(self, text: str, context: ParseContext) -> datetime:
        return context.from_iso(text)

    def text(self, message: Mapping[str, Any], at: datetime, leaf: str) -> InteractionSeen:
        ours = message["type"] == "echo"
        party = Party([ContactPoint("good", "", message["from"])])
        return InteractionSeen(
            key=str(message["id"]),
            author=Party() if ours else party,
            recipients=[party] if ours else [],
            direction="outbound" if ours else "inbound",
            conversation=message["room"],
            at=at,
            text=message["text"],
            leaf=leaf,
        )

    def capabilities(self, conversation: str | None) -> Capabilities:
        return Capabilities(max_text=100, reply_window=timedelta(days=1), buttons=3, media={"image/": 1000})

    def send(self, message: Message) -> Receipt:
        return Receipt(key=self.post(message)["id"], conversation=message.conversation)

    def post(self, message: Message) -> Any:
        said = {
            "room": message.conversation,
            "text": message.text,
            "ref": message.id,
            "buttons": [button.title for button in message.buttons],
            "files": [file.url for file in message.attachments],
        }
        answer = self.http.request("POST", "/messages", json=said)
        if answer.status == 403:
            raise errors.UndeliverableError("too late")
        if answer.status == 420:
            raise errors.ThrottledError("too fast", after=timedelta(minutes=int(answer.headers["X-Minutes"])))
        if not answer.ok:
            raise self.http.refusal(answer)
        return answer.json()

    def poll(self, cursor: str | None) -> RawPage:
        """The cursor is a place in the vendor's own list, which only grows."""
        found = self.http.get("/messages", params={"after": cursor or "0"})
        body = json.dumps({"messages": found["messages"]}).encode() if found["messages"] else b""
        return RawPage(body=body, cursor=str(found["next"]), more=found["more"])

    def media(self, attachment: Attachment) -> MediaSource:
        if attachment.key is None:
            return MediaSource(url=attachment.url or "")
        return MediaSource(url=self.http.get(f"/files/{attachment.key}")["url"], headers=self.authorise())

    def erase(self, refs: Sequence[str]) -> list[Outcome]:
        return [self.erase_one(ref) for ref in refs]

    def erase_one(self, ref: str) -> Outcome:
        answer = self.http.request("DELETE", f"/people/{ref}")
        return Written(id=ref) if answer.ok else self.http.refusal(answer)


class GoodPeer(Peer):
    """The vendor of them all: strict, and hard of hearing where it was told to be."""

    troubles: ClassVar = {
        "throttled": Answered(status=420, headers={"X-Minutes": "3"}),
        "window closed": Answered(status=403),
    }
    waits = timedelta(minutes=3)
    replay_window = _WINDOW
    latest_commit = timedelta(seconds=10)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.known: list[dict[str, Any]] = []
        self.people = {"ada", "bob", "eve"}

    def serve(self, asked: Asked) -> Answered:
        if asked.headers.get("authorization") != _basic(self.settings):
            return Answered(status=401)
        if asked.path == "/messages" and asked.method == "GET":
            after = int(asked.query["after"])
            page = self.known[after : after + 3]
            more = after + 3 < len(self.known)
            return Answered(json={"messages": page, "next": after + len(page), "more": more})
        if asked.path == "/messages":
            said = asked.json()
            fits = len(said["text"] or "") <= 100 and len(said["buttons"]) <= 3 and len(said["files"]) <= 1
            if not fits or any(len(title) > 20 for title in said["buttons"]):
                return Answered(status=400)
            return Answered(json={"id": self.take(text=said["text"], ref=said["ref"], said=said).key})
        return self._other(asked)

    def _other(self, asked: Asked) -> Answered:
        if asked.path == "/files/photo":
            return Answered(json={"url": "https://good.example/bytes"})
        if asked.path == "/bytes":
            return Answered(body=b"photo")
        if asked.method == "DELETE" and asked.path.removeprefix("/people/") in self.people:
            self.people.discard(asked.path.removeprefix("/people/"))
            return Answered()
        return Answered(status=404)

    def echoes(self, taken: Taken) -> list[bytes]:
        return [self._told(id=taken.key, type="echo", text=taken.text, room=taken.said["room"])]

    def statuses(self, taken: Taken) -> list[bytes]:
        return [self._told(id=f"s{taken.key}", type="status", of=taken.key, ref=taken.ref)]

    def handshake(self) -> tuple[Request, str]:
        query = {"challenge": "4711", "token": self.settings.token.reveal()}
        return Request(method="GET", url="https://crocevia.example", headers={}, query=query), "4711"

    def both_secrets(self, fresh: Any) -> Settings:
        return Settings(self.settings.token, fresh.token)

    def sign_at(self, body: bytes, at: datetime) -> dict[str, str]:
        return _signed(body, self.settings, at)

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> list[str]:
        ids = [f"seeded-{len(self.known) + number}" for number in range(count)]
        at = (self.clock.now() - late_by).isoformat()
        self.known += [_message(id=id_, type="text", text="x", at=at) for id_ in ids]
        return ids

    def files(self) -> list[tuple[Attachment, bytes]]:
        return [(Attachment(kind="image", key="photo"), b"photo")]

    def erasable(self) -> list[str]:
        return ["ada", "bob", "eve"]

    def remembers(self, ref: str) -> bool:
        return ref in self.people

    def _told(self, **leaf: Any) -> bytes:
        return json.dumps({"messages": [_message(**leaf)]}).encode()


class AnswersNoHandshake(GoodChannel):
    """test_the_handshake_is_answered."""

    def challenge(self, request: Request) -> str | None:
        return "welcome" if super().challenge(request) else None


class AnswersAnybodysHandshake(GoodChannel):
    """test_the_handshake_is_answered."""

    def challenge(self, request: Request) -> str | None:
        return request.query.get("challenge")


class TakesDeliveriesForHandshakes(GoodChannel):
    """test_a_delivery_is_no_handshake."""

    def challenge(self, request: Request) -> str | None:
        return super().challenge(request) or ("ok" if request.method == "POST" else None)


class KnowsOneSecret(GoodChannel):
    """test_both_secrets_are_good_while_one_replaces_the_other."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        self.settings = Settings(self.settings.token)
        super().verify(request, now, keys)


class KeepsTheOldSecret(GoodChannel):
    """test_a_new_secret_ends_the_old_one."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        self.settings = Settings(self.settings.token, Secret("s3cret"))
        super().verify(request, now, keys)


class BelievesWhatIsOld(GoodChannel):
    """test_what_was_signed_long_ago_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        at = request.headers.get("x-time", "")
        then = datetime.fromtimestamp(int(at), UTC) if at.isascii() and at.isdigit() and len(at) < 12 else now
        super().verify(request, min(now, then), keys)


class BelievesTheFuture(GoodChannel):
    """test_what_was_signed_long_ago_is_refused."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        at = request.headers.get("x-time", "")
        then = datetime.fromtimestamp(int(at), UTC) if at.isascii() and at.isdigit() and len(at) < 12 else now
        super().verify(request, max(now, then), keys)


class AllowsNoSkew(GoodChannel):
    """test_clocks_may_differ_a_little."""

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        if request.headers.get("x-time") != str(int(now.timestamp())):
            raise errors.SignatureError("not now")
        super().verify(request, now, keys)


class SendsTwice(GoodChannel):
    """test_a_message_goes_out_once_and_as_it_was_meant."""

    def send(self, message: Message) -> Receipt:
        super().send(message)
        return super().send(message)


class EscapesTheText(GoodChannel):
    """test_a_message_goes_out_once_and_as_it_was_meant."""

    def send(self, message: Message) -> Receipt:
        return super().send(evolve(message, text=(message.text or "").replace("&", "&amp;")))


class GivesItsOwnKey(GoodChannel):
    """test_a_message_goes_out_once_and_as_it_was_meant."""

    def send(self, message: Message) -> Receipt:
        super().send(message)
        return Receipt(key=message.id)


class TakesItsEchoForTheCustomer(GoodChannel):
    """test_its_echo_is_no_second_interaction."""

    def text(self, message: Mapping[str, Any], at: datetime, leaf: str) -> InteractionSeen:
        return super().text({**message, "type": "text"}, at, leaf)


class GivesItsEchoAnotherKey(GoodChannel):
    """test_its_echo_is_no_second_interaction."""

    def text(self, message: Mapping[str, Any], at: datetime, leaf: str) -> InteractionSeen:
        return evolve(super().text(message, at, leaf), key=f"{message['type']}:{message['id']}")


class ReportsOnAnother(GoodChannel):
    """test_its_statuses_are_told_of_it."""

    def event(self, message: Any, leaf: str, context: ParseContext) -> Event:
        event = super().event(message, leaf, context)
        return evolve(event, of=str(message["id"])) if isinstance(event, StatusReported) else event
