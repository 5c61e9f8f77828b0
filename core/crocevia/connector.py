"""What a connector is: settings, `check`, `parse`, and the small mixins it declares by inheritance."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from threading import Event as StopEvent
from typing import Any, ClassVar, Generic, Literal, TypeVar, get_args

from attrs import frozen

from crocevia.clock import SYSTEM_CLOCK, Clock
from crocevia.http import Http
from crocevia.mapping.object import ObjectMapping
from crocevia.model import (
    Attachment,
    Capabilities,
    ContactPoint,
    Event,
    MediaSource,
    Message,
    ObjectSchema,
    Outcome,
    ParseContext,
    Raw,
    RawPage,
    Receipt,
    Record,
    Visit,
    Write,
    leaves,
)
from crocevia.signatures import Request

S = TypeVar("S")


@frozen(kw_only=True)
class Finding:
    """One line of `crocevia check`: what was looked at, whether it is right, and what to do if not.

    Attributes:
        level: `"ok"`, `"warning"` (works, but) or `"problem"` (will not work).
        what: What was looked at ("token", "Contact.Crocevia_Key__c").
        do: What is wrong and the next step; `""` when ok.
    """

    level: Literal["ok", "warning", "problem"]
    what: str
    do: str = ""


class Connector(ABC, Generic[S]):
    """Speaks to one vendor's API. Subclass as `class AcmeChat(Connector[Settings], ReceivesWebhooks)`.

    Class attributes:
        kind: The name used in `kind = "..."` of a connection.
        base_url: Put before the paths given to `self.http`; a setting named `base_url` overrides it.
        leaf_paths: Where the leaves of a JSON raw lie (`"entry.*.changes.*.value.messages.*"`); the
            conformance suite holds `parse` to them. Empty: each event found is its own leaf.
        verified_against: What the connector was last held to, as the table of connectors tells it: `"real server"`,
            `"recording"` (of the vendor's own answers), `"specification"` (the vendor's published text and examples),
            or `"assumption"`.

    Attributes:
        settings: An instance of the settings class.
        connection: The connection's name.
        http: The one way to call the vendor; `authorise()` gives its standing headers.
        clock: Time for tokens and windows; never used by `parse`.
    """

    kind: ClassVar[str]
    base_url: ClassVar[str] = ""
    leaf_paths: ClassVar[tuple[str, ...]] = ()
    verified_against: ClassVar[Literal["real server", "recording", "specification", "assumption"]] = "assumption"

    def __init__(
        self, settings: S, *, connection: str = "", http: Http | None = None, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.settings = settings
        self.connection = connection or self.kind
        self.clock = clock
        base_url = getattr(settings, "base_url", None) or self.base_url
        self.http = (http or Http(self.connection)).at(base_url, self.authorise)

    @classmethod
    def settings_type(cls) -> type[Any]:
        """The attrs class between the brackets of `Connector[...]`."""
        for ancestor in cls.__mro__:
            for base in ancestor.__dict__.get("__orig_bases__", ()):
                if getattr(base, "__origin__", None) is Connector:
                    found: type[Any] = get_args(base)[0]
                    return found
        msg = f"{cls.__name__} must name its settings: Connector[Settings]"
        raise TypeError(msg)

    def authorise(self) -> Mapping[str, str]:
        """Headers sent with every call, asked anew each time. None by default."""
        return {}

    def check(self) -> Iterable[Finding]:
        """Look whether the settings work, by harmless calls. I/O allowed; a few seconds.

        The core adds its own findings: webhook URL, secrets, and each mapped field against `describe()`.
        """
        return ()

    @abstractmethod
    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """Say what a raw means: one event, or one Ignored or Unrecognised, for every leaf.

        Pure: no I/O, no clock, no state. Unknown fields are overlooked, unknown types are Unrecognised.

        Raises:
            MalformedError: the raw is not this vendor's format at all. Any other exception quarantines it too.
        """

    def leaves(self, raw: Raw) -> list[str] | None:
        """The leaves of a raw, counted without `parse`; None when the connector declares no `leaf_paths`."""
        return leaves(raw.json(), self.leaf_paths) if self.leaf_paths else None


class ReceivesWebhooks(ABC):
    """A vendor that pushes over HTTP to `/hooks/<connection>`."""

    @abstractmethod
    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        """Check that the request is the vendor's, over the raw bytes. Fast, no I/O.

        Args:
            request: As it arrived.
            now: For vendors that sign a time.
            keys: Public keys the connection has fetched before, by id; empty for shared secrets.

        Raises:
            SignatureError: it is not; the answer is 401 and nothing is kept.
        """

    def challenge(self, request: Request) -> str | None:
        """Answer the vendor's handshake (a GET, or a special POST). None: it is not one, go on.

        Raises:
            SignatureError: it is one, with a wrong token.
        """
        return None

    def answer(self, request: Request) -> tuple[bytes, str]:
        """Body and content type of the 200 that acknowledges a webhook (TwiML, SOAP Ack). Empty by default."""
        return b"", "text/plain; charset=utf-8"

    def kept_headers(self) -> tuple[str, ...]:
        """Lower-case names of headers that `parse` needs later. None by default; never a signature.

        `":query"` stands for the query of the URL, where a vendor hands back there what we gave it.
        """
        return ()


class Listens(ABC):
    """A vendor with a stream: IMAP IDLE, AMI, WebSocket."""

    @abstractmethod
    def listen(self, cursor: str | None, stop: StopEvent) -> Iterator[RawPage]:
        """Yield what comes, each with the cursor to go on from after it; return when `stop` is set.

        Args:
            cursor: That of the last page durably kept; None at the very first.

        Raises:
            RetryableError: the stream broke; the core calls again with the last cursor, backing off.
        """


class Polls(ABC):
    """A vendor that is asked: history, backfill, reconciliation."""

    @abstractmethod
    def poll(self, cursor: str | None) -> RawPage:
        """One page since `cursor` (None: from the start of what the settings want)."""


class SendsMessages(ABC):
    """A channel that replies can go out on."""

    @abstractmethod
    def send(self, message: Message) -> Receipt:
        """Send one message, once. The core has checked it against `capabilities`.

        Raises:
            UndeliverableError, RejectedError: it did not go and will not.
            RetryableError, ThrottledError: it did not go, and may be tried again.
            OutcomeUnknownError: it may have gone; it is parked, and settled by a status with our callback.
        """

    def capabilities(self, conversation: str | None) -> Capabilities:
        """What the conversation can carry; no I/O. Default: texts of any length, at any time."""
        return Capabilities()

    def address_kinds(self) -> tuple[str, ...]:
        """Kinds of contact point this channel can send to, best first. Default: the connector's own kind."""
        return (getattr(self, "kind", ""),)

    def carries(self, kind: str) -> bool:
        """Whether an interaction of this kind can go out here. Default: anything but a `"call"`.

        Without it, an answer in writing to somebody who called last would ring a telephone.
        """
        return kind != "call"


class ServesVisitors(ABC):
    """A channel of the company's own: people's browsers and apps call `/chat/<connection>/...` of the daemon.

    The connector says who somebody is and what is to be done about his call; the core does it, and holds what is the
    same for all: other origins, sizes, limits, the commit before the 200, and that nobody reads what is not his.
    What such a channel sends is read from the log, so `send` has nothing to do but to say so.
    """

    @abstractmethod
    def origins(self) -> Sequence[str]:
        """Whose pages may call, as browsers send it (`"https://shop.example"`). An app sends none and needs none."""

    @abstractmethod
    def serve(self, request: Request, path: str, now: datetime) -> Visit | None:
        """Say what is to be done about one call. Fast, no I/O.

        Args:
            request: As it arrived; a GET or a POST.
            path: What comes after `/chat/<connection>/`.
            now: For tokens that expire.

        Returns:
            None where there is nothing of this path and method: the answer is 404.

        Raises:
            SignatureError: the caller has not proven who he is; the answer is 401 and nothing is kept.
            MalformedError: the call makes no sense; the answer is 400 with the message of the error.
        """


class HoldsMedia(ABC):
    """A channel whose attachments need its own API, or its credentials, to be fetched.

    Without this mixin an attachment's `url` is fetched as anybody would.

    Class attributes:
        media_lifetime: How long the vendor keeps a file after its message; None: it does not say.
    """

    media_lifetime: ClassVar[timedelta | None] = None

    @abstractmethod
    def media(self, attachment: Attachment) -> MediaSource:
        """Where the bytes are to be had now; I/O allowed, the bytes themselves are fetched by the core.

        Raises:
            GoneError: the vendor does not keep it any more.
            RemoteError: as for any call.
        """


class ReadsRecords(ABC):
    """A CRM that can be read. Objects are named as the CRM names them."""

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """How its objects map to ours, by default; settings may override each field."""
        return ()

    @abstractmethod
    def describe(self, object_name: str) -> ObjectSchema:
        """The object's fields as this account sees them.

        Raises:
            SchemaDriftError: there is no such object.
        """

    @abstractmethod
    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """One page of what was changed, deleted or merged since `cursor`, oldest first; None: everything.

        Overlap the cursor as the vendor's late commits need; the core dedupes by record version.
        A page whose records were all told before may be empty (`body=b""`).

        Args:
            fields: Remote fields that the mapping reads, the key and revision among them.
        """

    @abstractmethod
    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The records with these remote ids, in few calls, any order; the missing are left out."""

    @abstractmethod
    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """Records that hold one of these contact points, in few calls. A point without any may be left out."""


class WritesRecords(ABC):
    """A CRM that can be written.

    Class attributes:
        write_limit: Most records one `write` takes.
        idempotent_upsert: Whether an upsert by our key, made twice, makes one record.
        conditional_write: Whether `Write.version` is honoured (ConflictError when the remote is newer).
    """

    write_limit: ClassVar[int] = 200
    idempotent_upsert: ClassVar[bool] = True
    conditional_write: ClassVar[bool] = False

    @abstractmethod
    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write in as few calls as the vendor allows; one outcome per write, same order.

        Raises:
            RemoteError: the whole call failed; the core treats every write of the batch so.
        """

    def underway(self, object_name: str) -> timedelta | None:
        """Whether a batch of the object, of which `write` said `UnderwayError`, is still being worked off.

        Until it is not, what can wait (a backfill) is not given to `write`; what is urgent is.

        Returns:
            After what time to ask again; None: it is done, and `write` will say what came of it.
        """
        return None

    def calls_of(self, records: int, *, looked_up: bool) -> int:
        """About how many calls to the vendor so many new records of one object take, for a forecast.

        Args:
            looked_up: Whether they are customers, who are looked for before they are made.
        """
        return -(-records // self.write_limit) * (2 if looked_up else 1)


class MergesRecords(ABC):
    """A CRM in which two records of one customer can be merged."""

    @abstractmethod
    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        """Merge records into one, which keeps its own values: what they are to be is written afterwards.

        Asked for again after a crash, when a look has shown that a loser is still there.

        Raises:
            GoneError: a loser, or the survivor, is not there any more.
            RejectedError: the CRM refuses, for good.
            RemoteError: as for `WritesRecords.write`.
        """


class FindsKeys(ABC):
    """A CRM that can be searched by our key: a create whose answer was lost is looked up there, never guessed.

    Attributes:
        finds_keys: False where this account keeps no field for our key, as its settings say.
    """

    finds_keys: bool = True

    @abstractmethod
    def find_keys(self, object_name: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """The records that carry one of our keys, in few calls, any order; the missing are left out.

        What was committed a minute ago must be found: a search over an index that lags is none.

        Args:
            keys: External ids, as given to `write` in `Write.key`.
            fields: Remote fields that the mapping reads, the key among them.
        """


@frozen(kw_only=True)
class Usage:
    """What a vendor says of an account's calls: everybody's, in its own window.

    Attributes:
        used: Calls made; a gauge, which may go back.
        limit: Calls that may be made.
        resets_at: When the count begins again; None: the window rolls, or it does not say.
    """

    used: int
    limit: int
    resets_at: datetime | None = None


class ReportsUsage(ABC):
    """A vendor that says with its answers how many calls are left."""

    @abstractmethod
    def usage(self) -> Usage | None:
        """The gauge as last heard; no I/O. None before the first answer, or where it is hidden."""


class Erases(ABC):
    """A vendor that can forget a person."""

    @abstractmethod
    def erase(self, refs: Sequence[str]) -> list[Outcome]:
        """Erase these records or conversations; one outcome per ref, same order."""
