"""The mailbox as a stream: what is read, what is read again, and where the cursor stands."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from attrs import define, field

from crocevia import RawPage
from crocevia.errors import RetryableError
from crocevia_email.cursor import Cursor
from crocevia_email.listening import Stream
from crocevia_email.mailbox import Found, Mailbox, Selected
from tests.plugins.email.conftest import NOW, mail, make_settings


@define
class Folder:
    """One folder of a server: mails by UID, each with the time of its arrival."""

    validity: int = 1
    next_uid: int = 1
    mails: dict[int, tuple[bytes, datetime]] = field(factory=dict)

    def add(self, key: str, at: datetime = NOW) -> None:
        """A mail comes."""
        self.mails[self.next_uid] = (mail(f"Message-ID: <{key}>"), at)
        self.next_uid += 1

    def renumber(self) -> None:
        """The server numbers its mails anew."""
        self.validity += 1
        self.mails = dict(enumerate(self.mails.values(), start=1))
        self.next_uid = len(self.mails) + 1


class Server(Mailbox):
    """A session with a server of our own; the line itself is tried against a real one elsewhere."""

    def __init__(self, *, idles: bool = True, tells_next: bool = True) -> None:
        super().__init__(None, "mail")
        self.folders = {"INBOX": Folder(), "Sent": Folder()}
        self.idles, self.tells_next = idles, tells_next
        self.seen: list[int] = []
        self.idled: list[float] = []
        self.whenever: list[Callable[[], None]] = []
        self.between: list[Callable[[], None]] = []
        self.open = self.folders["INBOX"]
        self.writable = False

    @property
    def has_idle(self) -> bool:
        """As made."""
        return self.idles

    def select(self, folder: str, *, writable: bool = False) -> Selected:
        """Open a folder; what is arranged happens right after."""
        self.open, self.writable = self.folders[folder], writable
        found = Selected(self.open.validity, self.open.next_uid if self.tells_next else None)
        if self.between:
            self.between.pop(0)()
        return found

    def since(self, uid: int) -> list[int]:
        """As the real one."""
        return [one for one in self.open.mails if one > uid]

    def since_day(self, day: date) -> list[int]:
        """As the real one."""
        return [uid for uid, (_, at) in self.open.mails.items() if at.date() >= day]

    def facts(self, uids: Sequence[int]) -> list[Found]:
        """As the real one."""
        here = {uid: self.open.mails[uid] for uid in uids if uid in self.open.mails}
        return [Found(uid, len(body), at) for uid, (body, at) in here.items()]

    def bodies(self, uids: Sequence[int], section: str = "", most_bytes: int | None = None) -> dict[int, bytes]:
        """As the real one."""
        return {uid: self.open.mails[uid][0] for uid in uids if uid in self.open.mails}

    def mark_seen(self, uid: int) -> None:
        """Note it."""
        assert self.writable
        self.seen.append(uid)

    def idle(self, seconds: float, stop: threading.Event, monotonic_s: Callable[[], float]) -> None:
        """Let the next arranged thing happen; stop when there is none."""
        self.idled.append(seconds)
        if not self.whenever:
            stop.set()
        else:
            self.whenever.pop(0)()


def read(server: Server, cursor: str | None = None, **changed: Any) -> list[RawPage]:
    """Everything that a listener hears until the server has nothing more to tell."""
    return list(stream(server, cursor, **changed))


def stream(server: Server, cursor: str | None = None, **changed: Any) -> Iterator[RawPage]:
    """A listener's pages."""
    stop = threading.Event()

    def wait(event: threading.Event, seconds: float) -> None:
        server.idle(seconds, event, lambda: 0.0)

    settings = make_settings(**changed)
    return Stream(server, settings, Cursor.read(cursor), wait, lambda: 0.0, NOW.date).pages(stop)


def keys(pages: list[RawPage]) -> list[str]:
    """The Message-IDs of the mails among the pages."""
    return [page.body.partition(b"Message-ID: <")[2].partition(b">")[0].decode() for page in pages if page.body]


def test_the_first_start_reads_nothing_old_and_remembers_where_it_began() -> None:
    """A mail that comes while nobody listens after that is heard at the next start."""
    server = Server()
    server.folders["INBOX"].add("old")
    pages = read(server)
    assert keys(pages) == []
    assert json.loads(pages[-1].cursor) == {"INBOX": [1, 1, "2026-11-22"], "Sent": [1, 0, "2026-11-22"]}
    server.folders["INBOX"].add("new")
    assert keys(read(server, pages[-1].cursor)) == ["new"]


def test_history_is_read_as_far_back_as_wanted() -> None:
    """And not further."""
    server = Server()
    for days in (30, 5, 1):
        server.folders["INBOX"].add(f"{days} days", NOW - timedelta(days=days))
    assert keys(read(server, history_days=7)) == ["5 days", "1 days"]


def test_each_page_is_one_mail_with_the_cursor_behind_it() -> None:
    """Whichever page was kept last, the next start goes on with the mail behind it: none lost, none twice."""
    server = Server()
    start = read(server)[-1].cursor
    for number in range(5):
        server.folders["INBOX"].add(str(number))
    server.folders["Sent"].add("sent")
    pages = [page for page in read(server, start) if page.body]
    assert keys(pages) == ["0", "1", "2", "3", "4", "sent"]
    for index, page in enumerate(pages):
        assert keys(read(server, page.cursor)) == keys(pages[index + 1 :])
    assert pages[0].headers == {
        "imap-folder": "INBOX",
        "imap-validity": "1",
        "imap-uid": "1",
        "imap-arrived": NOW.isoformat(),
    }


def test_a_mail_is_heard_when_idle_tells_of_it() -> None:
    """The first folder is watched; the others are looked at whenever it ends."""
    server = Server()
    server.whenever = [lambda: server.folders["INBOX"].add("a"), lambda: server.folders["Sent"].add("b")]
    assert keys(read(server, look_seconds=33.0)) == ["a", "b"]
    assert server.idled == [33.0] * 3


def test_a_mail_between_the_look_and_the_idling_is_not_slept_over() -> None:
    """The folder is opened once more before: what came meanwhile shows, and is read first."""
    server = Server()
    start = read(server)[-1].cursor
    server.idled.clear()
    nothing = lambda: None  # noqa: E731 - looks that find nothing
    server.between = [nothing, lambda: server.folders["INBOX"].add("late")]
    assert keys(read(server, start)) == ["late"]
    assert len(server.idled) == 1


def test_a_server_without_idle_is_asked_again_and_again() -> None:
    """Every `look_seconds`."""
    server = Server(idles=False)
    server.whenever = [lambda: server.folders["INBOX"].add("a")]
    assert keys(read(server, look_seconds=7.0)) == ["a"]
    assert server.idled == [7.0, 7.0]


def test_a_server_that_does_not_tell_its_next_uid_is_searched() -> None:
    """RFC 3501 let servers leave it out."""
    server = Server(tells_next=False)
    server.folders["INBOX"].add("old")
    pages = read(server)
    server.folders["INBOX"].add("new")
    assert keys(read(server, pages[-1].cursor)) == ["new"]


def test_a_folder_numbered_anew_is_read_again_from_a_week_before() -> None:
    """Nothing that came since is left out, whatever its new number; older mails stay where they are."""
    server = Server()
    inbox = server.folders["INBOX"]
    start = read(server)[-1].cursor
    for key, days in (("ancient", 40), ("a", 3), ("b", 0)):
        inbox.add(key, NOW - timedelta(days=days))
    cursor = read(server, start)[-1].cursor
    inbox.renumber()
    inbox.add("c")
    pages = read(server, cursor)
    assert keys(pages) == ["a", "b", "c"]
    assert json.loads(pages[-1].cursor)["INBOX"][:2] == [2, 4]


def test_a_mail_deleted_while_it_is_read_is_passed_over() -> None:
    """It was listed, and is gone; the cursor goes on."""
    server = Server()
    start = read(server)[-1].cursor
    for key in ("a", "b", "c"):
        server.folders["INBOX"].add(key)
    pages = stream(server, start, whole_bytes=10_000)
    first = next(pages)
    del server.folders["INBOX"].mails[3]
    rest = list(pages)
    assert keys([first, *rest])[:2] == ["a", "b"]
    assert json.loads(rest[-1].cursor)["INBOX"][1] == 3


def test_mails_are_marked_only_when_wanted_and_only_when_kept() -> None:
    """After the core has come back for the next page; never in a folder of sent mail."""
    for wanted, marked in ((False, []), (True, [1])):
        server = Server()
        start = read(server)[-1].cursor
        server.folders["INBOX"].add("a")
        server.folders["Sent"].add("b")
        pages = stream(server, start, mark_seen=wanted)
        next(pages)
        assert server.seen == []
        list(pages)
        assert server.seen == marked


@pytest.mark.parametrize("text", ["", "x", "[]", "{}", '{"INBOX": 1}', '{"INBOX": [1, 2, "x"]}', None])
def test_a_cursor_that_is_none_begins_anew(text: str | None) -> None:
    """As at the first start."""
    assert Cursor.read(text) == Cursor()


def test_nothing_of_a_mail_is_told_when_the_line_breaks() -> None:
    """A decision, with the connection's name and the kind of failure."""

    class Broken:
        def select_folder(self, *_: object, **__: object) -> None:
            raise OSError("the whole mail of Anna")

    with pytest.raises(RetryableError) as raised:
        Mailbox(Broken(), "mail").select("INBOX")
    assert str(raised.value) == "mail: the IMAP server: the line broke (OSError)"
    assert raised.value.__cause__ is None
