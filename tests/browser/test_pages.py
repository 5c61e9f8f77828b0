"""The pages in a real browser: clicked through, in both colours, with nothing fetched from elsewhere."""

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import open_store
from crocevia.store.journal import GroupCommit
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from crocevia.web.app import build_app, serve

pytestmark = pytest.mark.peers
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")

SCRIPT = "<script>document.title = 'owned'</script>"
RTL = "عمر الخيام"


class Shop:
    """A daemon's web over a channel and two CRMs, whose lanes the test turns."""

    def __init__(self, folder: Path) -> None:
        self.clock = FakeClock()
        self.chat = MemoryChannel(clock=self.clock, reports=("sent", "delivered"))
        self.crm = MemoryCRM(clock=self.clock)
        self.store = open_store(f"sqlite:///{folder / 'store.db'}")
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        world = World(self.store, plugins.dispatcher, clock=self.clock, region="IT")
        for name, vendor in (
            ("chat", self.chat),
            ("crm", self.crm),
            ("books", MemoryCRM(clock=self.clock, lossy=True)),
        ):
            world.lives[name] = live(name, vendor.connector(name), Options())
        self.lanes = {name: Lane(world, found, "test") for name, found in world.lives.items()}
        self.journal = GroupCommit(self.store, lambda names: None)
        self.served = serve(build_app(world, self.journal, lanes=self.lanes))
        self._lock = threading.Lock()

    def settle(self) -> None:
        """Webhooks over HTTP, then every lane, until all is told."""
        for _ in range(4):
            for request in self.chat.requests():
                url = f"{self.served.url}/hooks/chat"
                assert requests.post(url, data=request.body, headers=request.headers, timeout=20).status_code == 200
            for lane in self.lanes.values():
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            self.clock.advance(31)

    def close(self) -> None:
        """Stop everything."""
        self.served.stop()
        self.journal.close()
        self.store.close()


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A conversation that has everything in it."""
    made = Shop(tmp_path_factory.mktemp("shop"))
    chat = made.chat
    question = chat.write("ada", "Is the red kettle in stock?", name="Ada Lovelace", phone="+393331234567")
    made.settle()
    edited = chat.write("ada", "I need it by Firday")
    made.settle()
    chat.edit(edited, "I need it by Friday")
    made.settle()
    [person] = made.crm.records()
    made.crm.edit(person, first="Ada", last="King")
    made.settle()
    made.crm.create("Touch", person=person, direction="outbound", status="to send", text="Two are left.")
    made.settle()
    chat.write("ada", None, files=[{"kind": "image", "id": "media-88"}], reply_to=question)
    chat.write("mallory", SCRIPT, name=SCRIPT)
    chat.write("omar", "مرحبا 🎉", name=RTL)
    chat.emit(type="hologram")
    made.settle()
    yield made
    made.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Debian's Chromium."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        pytest.skip("no chromium on the PATH (Debian: apt-get install chromium)")
    with sync_api.sync_playwright() as playwright:
        # A browser of root's has no sandbox of its own; it opens only the pages of this test.
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(params=["light", "dark"])
def page(chromium: Any, shop: Shop, request: pytest.FixtureRequest) -> Iterator[Any]:
    """A tab. Whatever it complains of, or fetches from elsewhere, fails the test."""
    context = chromium.new_context(
        base_url=shop.served.url,
        color_scheme=request.param,
        timezone_id="Europe/Rome",
        viewport={"width": 1300, "height": 900},
    )
    tab = context.new_page()
    tab.set_default_timeout(15_000)
    complaints: list[str] = []
    tab.on("console", lambda message: complaints.append(message.text))
    tab.on("pageerror", lambda error: complaints.append(str(error)))
    tab.on("request", lambda asked: None if asked.url.startswith(shop.served.url) else complaints.append(asked.url))
    yield tab
    context.close()
    assert complaints == []


def test_from_the_list_to_a_customer_and_a_connection(page: Any) -> None:
    """As somebody clicks who sees the demo for the first time."""
    page.goto("/")
    page.get_by_role("link", name="Ada King").click()
    page.wait_for_url("**/customers/p*")
    timeline = page.get_by_role("region", name="Timeline")
    assert timeline.get_by_role("listitem").filter(has_text="Two are left.").get_by_text("delivered").is_visible()
    page.get_by_text("edited 1 time").click()
    assert timeline.get_by_text("I need it by Firday").is_visible()
    page.get_by_role("link", name="Is the red kettle in stock?").click()
    assert timeline.locator(".touch:target").inner_text().startswith("Ada Lovelace")
    records = page.get_by_role("region", name="In the CRMs")
    assert records.get_by_role("row", name="last King").get_by_text("agrees").count() == 1
    page.get_by_role("navigation", name="Pages").get_by_role("link", name="chat").click()
    assert page.get_by_role("heading", level=1).inner_text() == "chat"
    assert page.get_by_text("Unrecognised × 1").is_visible()  # noqa: RUF001 - as the page says it


def test_search_by_keyboard(page: Any) -> None:
    """A slash, a few letters, enter."""
    page.goto("/")
    page.keyboard.press("/")
    page.keyboard.type("king")
    page.keyboard.press("Enter")
    page.wait_for_url("**/?q=king")
    assert [name.inner_text() for name in page.locator(".person strong").all()] == ["Ada King"]


def test_a_hostile_name_is_only_a_name(page: Any) -> None:
    """Nothing of it runs; right-to-left names stay whole."""
    page.goto("/")
    page.get_by_role("link", name=SCRIPT).click()
    assert page.get_by_role("heading", level=1).inner_text() == SCRIPT
    assert page.title() == f"{SCRIPT} · Crocevia"
    page.goto("/?q=" + RTL)
    assert page.locator(".person strong").inner_text() == RTL


def test_times_are_in_the_readers_zone(page: Any) -> None:
    """Nine in the morning UTC is ten in Rome; UTC is one hover away."""
    page.goto("/")
    page.get_by_role("link", name="Ada King").click()
    first = page.locator(".touch time").first
    sync_api.expect(first).to_have_text("10:00")  # waits: the script runs when the page is whole
    sync_api.expect(first).to_have_attribute("title", "2026-01-05 09:00:00 UTC")
    sync_api.expect(page.locator("#zone")).to_have_text("Europe/Rome")


@pytest.mark.parametrize("path", ["/", "/connections/crm"])
@pytest.mark.parametrize("width", [360, 800, 1440])
def test_nothing_is_wider_than_the_window(page: Any, path: str, width: int) -> None:
    """On a phone as on a desk."""
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    if path == "/":
        page.get_by_role("link", name="Ada King").click()
        page.wait_for_url("**/customers/p*")
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_live_page_follows_along(page: Any, shop: Shop) -> None:
    """What arrives appears by itself, where that is asked for."""
    page.goto("/")
    page.get_by_label("Live").check()
    shop.chat.write("new", "Just looking", name=f"Newcomer {shop.clock.now():%H%M%S}")
    shop.settle()
    page.get_by_text("Just looking").first.wait_for()


def test_the_pages_work_without_script(chromium: Any, shop: Shop) -> None:
    """Everything but the reader's own zone and following along."""
    context = chromium.new_context(base_url=shop.served.url, java_script_enabled=False)
    tab = context.new_page()
    tab.goto("/")
    tab.get_by_role("link", name="Ada King").click()
    assert tab.locator(".touch time").first.inner_text() == "09:00"
    assert not tab.get_by_text("Live", exact=True).is_visible()
    context.close()
