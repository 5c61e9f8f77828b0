"""The read-only pages: what is on them, that all of it is escaped, and that they stay cheap."""

import html
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from sqlalchemy import event

from crocevia.errors import AuthError
from crocevia.store.journal import GroupCommit
from crocevia.store.tables import commands, profiles
from crocevia.testing import MemoryCRM
from crocevia.web.app import build_app, serve
from crocevia.web.pages import search
from crocevia.web.pages import timeline as timeline_module

SCRIPT = "<script>alert('x')</script>"
RTL = "عمر الخيام"
EMOJI = "👩🏽‍🚀🎉"


class Reader:
    """Somebody at this machine's browser."""

    def __init__(self, url: str) -> None:
        self.url = url

    def raw(self, path: str, status: int = 200) -> str:
        """The HTML of a page."""
        answer = requests.get(self.url + path, timeout=20)
        assert answer.status_code == status, answer.text
        answer.encoding = "utf-8"
        return answer.text

    def text(self, path: str, status: int = 200) -> str:
        """What the page says, its marks left out."""
        return plain(self.raw(path, status).partition("<main")[2])


def plain(page: str) -> str:
    """Text with single spaces."""
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]*>", " ", page)))


@contextmanager
def reading(crossroads: Any) -> Iterator[Reader]:
    """A server over a crossroads."""
    journal = GroupCommit(crossroads.store, lambda names: None)
    served = serve(build_app(crossroads.world, journal, lanes=crossroads.lanes))
    try:
        yield Reader(served.url)
    finally:
        served.stop()
        journal.close()


def uid(crossroads: Any, index: int = 0) -> str:
    """Our id of a customer, in order of arrival."""
    found: str = crossroads.rows(profiles)[index]["uid"]
    return found


def talk(crossroads: Any) -> None:
    """A customer and a shop, over one channel and two CRMs."""
    chat = crossroads.chat
    first = chat.write("ada", "Is the kettle in stock?", name="Ada Lovelace", phone="+393331234567")
    crossroads.settle()
    edited = chat.write("ada", "I need it by Firday")
    crossroads.round()
    crossroads.clock.advance(60)
    chat.edit(edited, "I need it by Friday")
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    crossroads.a.edit(person, first="Ada", last="King")
    crossroads.settle()
    crossroads.a.create("Touch", person=person, direction="outbound", status="to send", text="Two are left.")
    crossroads.settle()
    chat.write("ada", None, files=[{"kind": "image", "id": "media-88"}], reply_to=first)
    crossroads.settle()
    gone = chat.write("ada", "a word taken back")
    crossroads.round()
    chat.remove(gone)
    crossroads.settle()
    crossroads.b.create(
        "Touch", person=crossroads.person_id(crossroads.b), direction="internal", kind="note", text="Call before noon"
    )
    crossroads.settle()


# --- customers


def test_the_list_has_every_customer_with_the_last_word_and_where_he_is_kept(crossroads: Any) -> None:
    """And every connection with its books."""
    talk(crossroads)
    crossroads.chat.write("omar", "Hello", name=RTL)
    crossroads.settle()
    with reading(crossroads) as reader:
        page = reader.text("/")
    assert "2 customers, 7 interactions" in page
    assert RTL in page
    assert re.search(r"Ada King \S+", page)
    assert "+393331234567" in page
    assert "Call before noon" in page
    assert page.count("books balance") == 3
    assert page.count("a : in step") == 2
    assert page.count("b : in step") == 2


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("lovelace", ["Ada Lovelace"]),
        ("ADA LOVE", ["Ada Lovelace"]),
        ("333 123 4567", ["Ada Lovelace"]),
        ("+393331234567", ["Ada Lovelace"]),
        ("الخيام", [RTL]),
        ("%", ["100% Wool"]),
        ("display_name", []),
        ("nobody", []),
        (SCRIPT, []),
        ("  ", ["100% Wool", RTL, "Ada Lovelace"]),
    ],
)
def test_customers_are_found_by_name_and_address(crossroads: Any, query: str, found: list[str]) -> None:
    """As typed: any case, with spaces in a number, and no letter of it means anything but itself."""
    crossroads.chat.write("u1", "Hello", name="Ada Lovelace", phone="+393331234567")
    crossroads.chat.write("u2", "Hello", name=RTL)
    crossroads.chat.write("u3", "Hello", name="100% Wool")
    crossroads.settle()
    with reading(crossroads) as reader:
        page = requests.get(reader.url, params={"q": query}, timeout=20).text
    assert [html.unescape(name) for name in re.findall(r'<strong dir="auto">(.*?)</strong>', page)] == found
    if query == SCRIPT:
        assert SCRIPT not in page


def test_a_long_list_has_pages_and_every_customer_is_on_one_of_them(
    crossroads: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Newest first; the last page has no next."""
    monkeypatch.setattr(search, "PAGE", 4)
    for number in range(10):
        crossroads.chat.write(f"u{number}", "Hello", name=f"Customer {number}")
    crossroads.settle()
    seen: list[str] = []
    path = "/?q=Customer"
    with reading(crossroads) as reader:
        for _ in range(3):
            page = reader.raw(path)
            seen += re.findall(r'<strong dir="auto">Customer (\d)</strong>', page)
            following = re.search(r'<a href="([^"]*)" rel="next">', page)
            path = html.unescape(following[1]) if following else ""
        assert path == ""
        assert "Customer 9" in reader.text("/?before=nonsense"), "an address that makes no sense is the first page"
        assert reader.text("/?before=99999999999999999999999")
    assert seen == [str(number) for number in reversed(range(10))]


def test_an_empty_house_says_so(crossroads: Any) -> None:
    """Before the first message."""
    with reading(crossroads) as reader:
        assert "No customers yet." in reader.text("/")


# --- one customer


def test_the_timeline_is_one_in_order_over_all_roads(crossroads: Any) -> None:
    """From the channel, from a CRM to the channel, and a note of the other CRM; edits, files, answers, removals."""
    talk(crossroads)
    with reading(crossroads) as reader:
        page = reader.text(f"/customers/{uid(crossroads)}")
        raw = reader.raw(f"/customers/{uid(crossroads)}")
    order = [
        "Is the kettle in stock?",
        "I need it by Friday",
        "Two are left.",
        "media-88",
        "Removed",
        "Call before noon",
    ]
    places = [page.index(text, page.index("Timeline")) for text in order]
    assert places == sorted(places)
    assert "edited 1 time" in page
    assert "I need it by Firday" in page, "what the edit replaced"
    assert "a word taken back" not in raw, "what its author took back is not shown"
    assert re.search(r"a → chat [\d:]+ ✓ sent", page), "written in a CRM, sent over the channel"
    assert re.search(r'class="quote"[^>]*><a href="#i\w+">Is the kettle in stock\?', raw), (
        "the photo answers the question"
    )


def test_statuses_and_failures_are_on_the_message(crossroads: Any) -> None:
    """Ticks, the word for them, and why it failed."""
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.settle()
    person = crossroads.person_id(crossroads.a)
    for text in ("one", "two"):
        crossroads.a.create("Touch", person=person, direction="outbound", status="to send", text=text)
        crossroads.settle()
    first, second = (row["uid"] for row in crossroads.rows(commands))
    keys = {row["uid"]: json.loads(row["answer"])["key"] for row in crossroads.rows(commands)}
    crossroads.chat.report(keys[first], "read")
    crossroads.chat.report(keys[second], "failed", reason="no such number (131026)")
    crossroads.round()
    with reading(crossroads) as reader:
        page = reader.text(f"/customers/{uid(crossroads)}")
    assert "✓✓ read" in page
    assert "⚠ failed no such number (131026)" in page


def test_a_reaction_is_in_the_timeline_and_on_what_it_is_about(crossroads: Any) -> None:
    """Twice to be seen, once in the log."""
    first = crossroads.chat.write("ada", "Look!", name="Ada")
    crossroads.settle()
    crossroads.chat.write("ada", EMOJI, reply_to=first)
    crossroads.settle()
    with crossroads.store.writing() as connection:
        connection.execute(sa.text("UPDATE interactions SET kind = 'reaction' WHERE text <> 'Look!'"))
    with reading(crossroads) as reader:
        raw = reader.raw(f"/customers/{uid(crossroads)}")
    assert f'<span class="reaction" title="Ada">{EMOJI}</span>' in raw
    assert raw.count(EMOJI) == 2


def test_beside_it_is_what_each_crm_holds_and_whether_we_agree(crossroads: Any) -> None:
    """Field by field, through that CRM's own lenses; and the decisions with their reasons."""
    crossroads.b = MemoryCRM(clock=crossroads.clock, lossy=True)
    talk(crossroads)
    with reading(crossroads) as reader:
        page = reader.text(f"/customers/{uid(crossroads)}")
    records = page[page.index("In the CRMs") :]
    assert re.search(r"first Ada ✓ agrees last King ✓ agrees", records)
    assert re.search(r"name Ada King ✓ agrees", records), "one name field"
    assert crossroads.person_id(crossroads.a) in records
    assert "differs" not in records
    assert re.search(r"given name.* a .*theirs.*it changed there, we had not", records)


def test_what_is_not_written_yet_differs_and_is_on_its_way(crossroads: Any) -> None:
    """What the CRM held when it was last seen, and what we have."""
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.settle()
    crossroads.chat.write("ada", "Hello again", name="Ada Lovelace")
    crossroads.deliver()
    crossroads.turn("chat")
    with reading(crossroads) as reader:
        page = reader.text(f"/customers/{uid(crossroads)}")
        front = reader.text("/")
    assert re.search(r"last Ada we have Ada Lovelace differs", page)
    assert "on its way" in page
    assert "a : on its way" in front


def test_names_and_texts_are_never_markup(crossroads: Any) -> None:
    """From a channel, in names, texts and ids; right-to-left and emoji come through whole."""
    crossroads.chat.write(SCRIPT, SCRIPT, name=SCRIPT)
    crossroads.chat.write("omar", f"مرحبا {EMOJI} \u202e!gpj", name=RTL)
    crossroads.settle()
    crossroads.a.edit(crossroads.a.by_key(uid(crossroads)), last='"><img src=x onerror=alert(1)>')
    crossroads.settle()
    with reading(crossroads) as reader:
        for path in ("/", f"/customers/{uid(crossroads)}", f"/?q={SCRIPT}", "/connections/chat"):
            raw = reader.raw(path)
            assert re.findall(r"<script\b[^>]*>", raw) == ['<script src="/static/crocevia.js" defer>']
            assert "<img src=x" not in raw
        assert html.unescape(reader.raw(f"/customers/{uid(crossroads)}")).count(SCRIPT) >= 3, "told, as text"
        other = reader.raw(f"/customers/{uid(crossroads, 1)}")
        assert f'<h1 dir="auto">{RTL}</h1>' in other
        assert EMOJI in other


def test_a_long_timeline_has_pages(crossroads: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest first to be seen, each page oldest first; nothing twice, nothing left out."""
    monkeypatch.setattr(timeline_module, "PAGE", 4)
    for number in range(10):
        crossroads.chat.write("ada", f"number {number}", name="Ada")
    crossroads.settle()
    seen: list[list[str]] = []
    path = f"/customers/{uid(crossroads)}"
    with reading(crossroads) as reader:
        while path:
            page = reader.raw(path)
            seen.append(re.findall(r'<p class="text" dir="auto">number (\d)</p>', page))
            earlier = re.search(r'<a href="(\?before=[^"]*)">↑', page)
            path = f"/customers/{uid(crossroads)}{earlier[1]}" if earlier else ""
    assert seen == [["6", "7", "8", "9"], ["2", "3", "4", "5"], ["0", "1"]]


def test_a_merged_customer_leads_to_the_one_that_lives_on(crossroads: Any) -> None:
    """Old addresses keep working; in the list there is one."""
    crossroads.chat.write("u1", "Hello", name="Ada")
    crossroads.chat.write("u2", "Hello", name="Ada Lovelace")
    crossroads.settle()
    first, second = crossroads.rows(profiles)
    with crossroads.store.writing() as connection:
        connection.execute(sa.update(profiles).where(profiles.c.id == first["id"]).values(merged_into=second["id"]))
    with reading(crossroads) as reader:
        answer = requests.get(f"{reader.url}/customers/{first['uid']}", timeout=20, allow_redirects=False)
        assert answer.status_code in (302, 307)
        assert answer.headers["location"] == f"/customers/{second['uid']}"
        assert "1 customer," in reader.text("/")


@pytest.mark.parametrize(
    "path", ["/customers/p1", "/customers/%3Cb%3E", "/connections/nobody", "/nothing", "/static/x"]
)
def test_what_is_not_there_is_not_found(crossroads: Any, path: str) -> None:
    """And the address is not played back."""
    with reading(crossroads) as reader:
        assert "<b>" not in reader.raw(path, status=404)


def test_a_page_costs_as_many_queries_for_fifty_customers_as_for_five(crossroads: Any) -> None:
    """No query a row, on the list and on a customer's page."""
    costs: list[list[int]] = []
    for customers in (5, 45):
        for number in range(customers):
            crossroads.chat.write(f"u{customers}-{number}", "Hello", name=f"Customer {number}")
            crossroads.chat.write("ada", f"{number}", name="Ada")
        crossroads.round()
        crossroads.round()
        with reading(crossroads) as reader:
            costs.append([_queries(crossroads, reader, path) for path in ("/", f"/customers/{_ada(crossroads)}")])
    assert costs[0] == costs[1]
    assert max(costs[0]) < 60


def _ada(crossroads: Any) -> str:
    [found] = [row["uid"] for row in crossroads.rows(profiles) if '"Ada"' in row["fields"]]
    return str(found)


def _queries(crossroads: Any, reader: Reader, path: str) -> int:
    counted: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        counted.append(statement)

    event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        reader.raw(path)
    finally:
        event.remove(sa.Engine, "before_cursor_execute", count)
    return len([statement for statement in counted if statement.lstrip().startswith("SELECT")])


# --- connections


def test_a_connection_shows_its_books_its_health_and_its_dead_letters(crossroads: Any) -> None:
    """What happened and what to do, never what was in it."""
    crossroads.chat.write("ada", "Hello", name="Ada")
    crossroads.chat.emit(type="hologram", text="a private word")
    crossroads.settle()
    with reading(crossroads) as reader:
        requests.post(f"{reader.url}/hooks/chat", data=b"{}", timeout=20)
        page = reader.text("/connections/chat")
        raw = reader.raw("/connections/chat")
        crm = reader.text("/connections/a")
    assert "running" in page
    assert re.search(r"received 2 applied 1 superseded 0 ignored 0 quarantined 1 pending 0", page)
    assert "Unrecognised \N{MULTIPLICATION SIGN} 1" in page
    assert "/events/" in page
    assert "private" not in raw
    assert "1 \N{MULTIPLICATION SIGN} 401" in page
    assert re.search(r"Person profiles \d+ crocevia_key", crm)
    assert re.search(r"Person complete", crm), "the first reading of that object is done"
    assert re.search(r"wanted 2 0 applied 2 0", crm)


def test_a_connection_that_is_down_says_why(crossroads: Any) -> None:
    """In a word, with the reason and since when."""
    crossroads.settle()
    crossroads.a.trouble.fail(AuthError("a: the token is refused; reauthorise"))
    crossroads.turn("a")
    with reading(crossroads) as reader:
        page = reader.text("/connections/a")
    assert "unhealthy" in page
    assert "the token is refused; reauthorise" in page
