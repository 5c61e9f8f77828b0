"""The widget in a real browser, on a page of another origin whose policies are as strict as they can be."""

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from attrs import define, field

from crocevia.store import Store, open_store
from crocevia.testing import FakeClock, MemoryCRM
from tests.plugins.webchat.conftest import Shop, make_settings

pytestmark = pytest.mark.peers
sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
sync_api.expect.set_options(timeout=20_000)

PAGE = """<!doctype html><html lang="{lang}"><head><title>The Shop</title>
<script src="{daemon}/chat/web/widget.js" async {data}></script></head>
<body><main><h1>Kettles</h1><a href="#">a link of the page</a></main></body></html>"""
POLICY = (
    "default-src 'none'; script-src {daemon}; connect-src {daemon}; img-src 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'"
)
MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title = 'owned'</script>"
RTL = "مرحبا 👋"


@define(eq=False)
class Site:
    """A company's web site on one origin, and its daemon on another."""

    folder: Path
    clock: FakeClock = field(factory=FakeClock)
    store: Store = field(init=False)
    crm: MemoryCRM = field(init=False)
    pages: ThreadingHTTPServer = field(init=False)
    shop: Shop = field(init=False)
    settings: dict[str, Any] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        self.store = open_store(f"sqlite:///{self.folder / 'store.db'}")
        self.crm = MemoryCRM(clock=self.clock)
        self.pages = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        threading.Thread(target=self.pages.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        self.start()

    @property
    def origin(self) -> str:
        """Of the pages: another host and port than the daemon's."""
        return f"http://localhost:{self.pages.server_port}"

    def start(self, port: int = 0, **changed: Any) -> None:
        """Start the daemon's web, or start it again."""
        self.settings |= changed
        settings = make_settings(origins=(self.origin,), **self.settings)
        self.shop = Shop(self.store, self.clock, self.crm, settings, port)

    def restart(self, **changed: Any) -> None:
        """The same address, with other settings."""
        port = urlsplit(self.shop.served.url).port or 0
        self.shop.close()
        self.start(port, **changed)

    def close(self) -> None:
        """Stop everything."""
        self.shop.close()
        self.pages.shutdown()
        self.pages.server_close()
        self.store.close()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked = parse_qs(urlsplit(self.path).query, keep_blank_values=True)
            daemon = site.shop.served.url
            data = " ".join(f'data-{name}="{values[0]}"' for name, values in asked.items() if name != "lang")
            lang = asked.get("lang", ["en"])[0]
            body = PAGE.format(daemon=daemon, data=data, lang=lang).encode() if self.path != "/favicon.ico" else b""
            self.send_response(200 if body else 204)
            self.send_header("content-type", "text/html; charset=utf-8")
            self.send_header("content-security-policy", POLICY.format(daemon=daemon))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    return Pages


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site without visitors."""
    made = Site(tmp_path)
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


Open = Callable[..., Any]


@pytest.fixture
def browse(chromium: Any, site: Site) -> Iterator[Open]:
    """Opens browsers, each somebody else's. What one complains of fails the test, but that a server is not there."""
    complaints: list[str] = []
    contexts: list[Any] = []

    def browser(query: str = "", **given: Any) -> Any:
        context = chromium.new_context(base_url=site.origin, **given)
        contexts.append(context)
        tab = context.new_page()
        tab.set_default_timeout(15_000)
        tab.on("console", lambda message: complaints.append(message.text))
        tab.on("pageerror", lambda error: complaints.append(str(error)))
        tab.goto(f"/?{query}")
        return tab

    yield browser
    for context in contexts:
        context.close()
    assert [text for text in complaints if "ERR_CONNECTION_REFUSED" not in text] == []


def launch(tab: Any, name: str = "Open the chat") -> Any:
    """Open the chat; its dialog."""
    tab.get_by_role("button", name=name).click()
    return tab.get_by_role("dialog", name="The Shop")


def say(chat: Any, text: str) -> None:
    """Write a message and send it with Enter."""
    chat.get_by_role("textbox", name="Write a message").fill(text)
    chat.get_by_role("textbox", name="Write a message").press("Enter")


def lines(chat: Any) -> list[str]:
    """Every line of the log: who and what."""
    found = chat.get_by_role("log").locator(".line").all()
    return [line.locator(".who").text_content() + line.locator(".text").last.text_content() for line in found]


def expect(found: Any) -> Any:
    """Playwright's own waiting assertions."""
    return sync_api.expect(found, "")


def test_a_visitor_writes_an_agent_answers_and_the_answer_appears(site: Site, browse: Open) -> None:
    """And is there after a reload; text is text, links are links, and nothing of it runs."""
    tab = browse()
    chat = launch(tab)
    say(chat, f"Hello {MARKUP} {RTL}")
    expect(chat.get_by_text("sent")).to_be_visible()
    site.shop.settle()
    site.shop.reply(f"{MARKUP} See https://shop.example/kettles?a=1&b=2. Or javascript:alert(1), http://a@b.example")
    site.shop.settle()
    link = chat.get_by_role("link")
    expect(link).to_have_count(1)
    assert link.get_attribute("href") == "https://shop.example/kettles?a=1&b=2"
    assert link.get_attribute("rel") == "noopener noreferrer nofollow"
    assert link.get_attribute("target") == "_blank"
    tab.reload()
    chat = launch(tab)
    expect(chat.locator(".line")).to_have_count(2)
    assert lines(chat)[0] == f"You: Hello {MARKUP} {RTL}"
    assert lines(chat)[1].startswith(f"The Shop: {MARKUP} See https://shop.example/kettles?a=1&b=2.")
    assert tab.title() == "The Shop"
    site.shop.settle()
    replies = [row for row in site.crm.records("Touch").values() if row["direction"] == "outbound"]
    assert [row["status"] for row in replies] == ["read"]


def test_nobody_sees_what_another_wrote(site: Site, browse: Open) -> None:
    """Two browsers, one shop; two tabs of one browser are the same visitor."""
    ada, bob = browse(), browse()
    chat = launch(ada)
    say(chat, "I am Ada")
    expect(chat.get_by_text("sent")).to_be_visible()
    site.shop.settle()
    other = launch(bob)
    expect(other.get_by_role("textbox")).to_be_visible()
    second = ada.context.new_page()
    second.goto("/")
    expect(launch(second).locator(".line")).to_have_count(1)
    assert lines(other) == []


def test_what_is_written_while_the_daemon_is_away_is_sent_once(site: Site, browse: Open) -> None:
    """The widget says so, keeps it over a reload, and comes back by itself."""
    tab = browse()
    chat = launch(tab)
    say(chat, "One")
    expect(chat.get_by_text("sent")).to_be_visible()
    url = site.shop.served.url
    site.shop.served.stop()
    say(chat, "Two")
    say(chat, "Three")
    expect(chat.get_by_text("No connection")).to_be_visible()
    expect(chat.get_by_text("waiting to be sent")).to_have_count(2)
    site.restart()
    assert site.shop.served.url == url
    expect(chat.get_by_text("waiting to be sent")).to_have_count(0)
    expect(chat.get_by_text("No connection")).to_have_count(0)
    site.shop.settle()
    expect(chat.get_by_text("· sent")).to_have_count(0)
    assert lines(chat) == ["You: One", "You: Two", "You: Three"]
    assert [row["text"] for row in site.crm.records("Touch").values()] == ["One", "Two", "Three"]
    site.shop.reply("All here")
    site.shop.settle()
    expect(chat.get_by_text("All here")).to_be_visible()


def test_what_was_not_sent_survives_a_closed_tab(site: Site, browse: Open) -> None:
    """It waits in the browser, and goes when the page is opened again."""
    tab = browse()
    chat = launch(tab)
    expect(chat.get_by_role("textbox")).to_be_visible()
    tab.route("**/chat/**", lambda route: route.abort("connectionrefused"))
    say(chat, "Later")
    expect(chat.get_by_text("waiting to be sent")).to_be_visible()
    again = tab.context.new_page()
    tab.close()
    again.goto("/")
    chat = launch(again)
    expect(chat.get_by_text("Later")).to_be_visible()
    expect(chat.get_by_text("waiting to be sent")).to_have_count(0)
    site.shop.settle()
    assert [row["text"] for row in site.crm.records("Touch").values()] == ["Later"]


def test_an_anonymous_visitor_signs_in_and_out(site: Site, browse: Open) -> None:
    """The page hands over what its server has signed; after signing out his lines are not shown any more."""
    person = site.crm.create(first="Ada", last="King", email="ada@example.com")
    site.shop.settle()
    tab = browse()
    chat = launch(tab)
    say(chat, "Before")
    expect(chat.get_by_text("sent")).to_be_visible()
    site.shop.settle()
    identity = site.shop.identity(email="ada@example.com", email_verified=True)
    tab.goto(f"/?identity={identity}")
    chat = launch(tab)
    expect(chat.locator(".line")).to_have_count(1)
    say(chat, "After")
    expect(chat.get_by_text("After")).to_be_visible()
    expect(chat.get_by_text("· sent")).to_be_visible()
    site.shop.settle()
    touches = site.crm.records("Touch").values()
    assert [(row["text"], row["person"]) for row in touches] == [("Before", person), ("After", person)]
    tab.goto("/")
    chat = launch(tab)
    expect(chat.get_by_role("textbox")).to_be_visible()
    assert lines(chat) == []
    tab.evaluate("identity => window.crocevia.identify(identity)", site.shop.identity())
    expect(chat.locator(".line")).to_have_count(2)
    tab.evaluate("() => window.crocevia.forget()")
    expect(chat.locator(".line")).to_have_count(0)
    assert tab.evaluate("Object.values(localStorage).join()").count("outbox") == 0


def test_while_closed_an_address_is_asked_for(site: Site, browse: Open) -> None:
    """By keyboard alone, in Italian; what is wrong is said and pointed at; the message lands with the address."""
    site.restart(open=False)
    tab = browse("language=it")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    chat = tab.get_by_role("dialog", name="The Shop")
    expect(chat.get_by_text("Adesso siamo chiusi. Lasciaci un messaggio")).to_be_visible()
    expect(chat.get_by_role("textbox", name="Nome (facoltativo)")).to_be_focused()
    tab.keyboard.type("Ada King")
    for _ in range(4):
        tab.keyboard.press("Tab")
    expect(chat.get_by_role("button", name="Invia")).to_be_focused()
    tab.keyboard.press("Enter")
    email = chat.get_by_role("textbox", name="E-mail")
    expect(email).to_be_focused()
    expect(email).to_have_attribute("aria-invalid", "true")
    expect(chat.get_by_role("alert")).to_have_text("Scrivi un'e-mail o un numero di telefono.")
    tab.keyboard.type("ada@")
    tab.keyboard.press("Enter")
    expect(chat.get_by_role("alert")).to_contain_text("non è completa")
    tab.keyboard.type("example.com")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Richiamatemi, grazie.")
    tab.keyboard.press("Tab")
    tab.keyboard.press("Enter")
    expect(chat.get_by_text("Richiamatemi, grazie.")).to_be_visible()
    expect(chat.get_by_text("Abbiamo il tuo messaggio")).to_be_visible()
    expect(chat.get_by_role("textbox", name="Scrivi un messaggio")).to_be_focused()
    expect(chat.get_by_text("inviato")).to_be_visible()
    site.shop.settle()
    [touch] = site.crm.records("Touch").values()
    person = site.crm.records()[touch["person"]]
    assert (touch["text"], person["last"], person["email"]) == ("Richiamatemi, grazie.", "Ada King", "ada@example.com")


def test_the_keyboard_goes_in_and_comes_out_again(site: Site, browse: Open) -> None:
    """Open, write, close; the focus is where it is expected, and the page's own keys still work."""
    tab = browse()
    tab.get_by_role("button", name="Open the chat").focus()
    tab.keyboard.press("Enter")
    chat = tab.get_by_role("dialog", name="The Shop")
    expect(chat.get_by_role("textbox", name="Write a message")).to_be_focused()
    tab.keyboard.type("first line")
    tab.keyboard.press("Shift+Enter")
    tab.keyboard.type("second line")
    tab.keyboard.press("Enter")
    expect(chat.locator(".text")).to_have_text("first line\nsecond line", use_inner_text=True)
    for _ in range(3):
        tab.keyboard.press("Shift+Tab")
    expect(tab.get_by_role("link", name="a link of the page")).to_be_focused()
    tab.keyboard.press("Tab")
    expect(chat.get_by_role("button", name="Close the chat")).to_be_focused()
    tab.keyboard.press("Escape")
    expect(chat).to_have_count(0)
    expect(tab.get_by_role("button", name="Open the chat")).to_be_focused()


def test_unread_answers_are_counted_and_heard(site: Site, browse: Open) -> None:
    """On the button, in its name, and by a status that a screen reader tells."""
    tab = browse()
    chat = launch(tab)
    say(chat, "Hello")
    expect(chat.get_by_text("sent")).to_be_visible()
    site.shop.settle()
    chat.press("Escape")
    for text in ("One", "Two"):
        site.shop.reply(text)
    site.shop.settle()
    expect(tab.get_by_role("button", name="Open the chat. New messages: 2")).to_be_visible()
    expect(tab.get_by_role("status").filter(has_text="New messages: 2")).to_have_count(1)
    launch(tab, "Open the chat. New messages: 2").press("Escape")
    expect(tab.get_by_role("button", name="Open the chat", exact=True)).to_be_visible()
    tab.reload()
    expect(tab.get_by_role("button", name="Open the chat", exact=True)).to_be_visible()


@pytest.mark.parametrize(
    ("query", "locale", "language"),
    [
        ("language=it", "en-GB", "it"),
        ("lang=it-CH", "en-GB", "it"),
        ("lang=", "it-IT", "it"),
        ("lang=de", "it-IT", "en"),
    ],
)
def test_the_language_is_the_scripts_else_the_pages_else_the_browsers(
    browse: Open, query: str, locale: str, language: str
) -> None:
    """Italian and English; anything else is answered in English."""
    name = {"it": "Apri la chat", "en": "Open the chat"}[language]
    tab = browse(query, locale=locale)
    chat = launch(tab, name)
    expect(
        chat.get_by_role("textbox", name={"it": "Scrivi un messaggio", "en": "Write a message"}[language])
    ).to_be_visible()
    assert tab.evaluate("document.body.lastElementChild.lang") == language


AUDIT = """() => {
  const host = document.body.lastElementChild, root = host.shadowRoot, problems = [];
  const luminance = (text) => {
    const [r, g, b] = text.match(/[\\d.]+/g).slice(0, 3).map(Number).map((part) => {
      const value = part / 255;
      return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    for (let at = node; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (!/, 0\\)$/.test(colour)) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  for (const node of root.querySelectorAll("*")) {
    const box = node.getBoundingClientRect(), style = getComputedStyle(node);
    const own = [...node.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim());
    if (own && box.width > 1 && style.visibility === "visible") {
      const [high, low] = [luminance(style.color), luminance(ground(node))].sort((a, b) => b - a);
      const ratio = (high + 0.05) / (low + 0.05);
      if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${node.className || node.tagName}`);
    }
    if (node.matches("button, input, textarea") && box.width && Math.min(box.width, box.height) < 24) {
      problems.push(`small: ${node.className}`);
    }
    if (node.matches("input, textarea") && !node.labels.length) problems.push(`no label: ${node.id}`);
    if (node.matches("button") && !(node.textContent.trim() || node.ariaLabel)) problems.push("a nameless button");
  }
  const ids = [...root.querySelectorAll("[id]")].map((node) => node.id);
  if (new Set(ids).size !== ids.length) problems.push("an id twice");
  for (const name of ["aria-labelledby", "aria-describedby", "for"]) {
    for (const node of root.querySelectorAll(`[${name}]`)) {
      if (!root.getElementById(node.getAttribute(name))) problems.push(`${name} names nothing`);
    }
  }
  return problems;
}"""


@pytest.mark.parametrize("colour", ["#0b57d0", "#ffd54f", "#777777"])
def test_everybody_can_read_and_reach_it(site: Site, browse: Open, colour: str) -> None:
    """Contrast, names, labels, sizes and references, in chat and form, whatever the company's colour."""
    site.restart(colour=colour)
    tab = browse()
    chat = launch(tab)
    say(chat, "Hello, see https://shop.example")
    expect(chat.get_by_text("sent")).to_be_visible()
    site.shop.settle()
    site.shop.reply("An answer with https://shop.example")
    site.shop.settle()
    expect(chat.locator(".line")).to_have_count(2)
    assert tab.evaluate(AUDIT) == []
    site.restart(open=False)
    tab = browse()
    chat = launch(tab)
    expect(chat.get_by_role("button", name="Send")).to_be_visible()
    chat.get_by_role("button", name="Send").click()
    expect(chat.get_by_role("alert")).not_to_be_empty()
    assert tab.evaluate(AUDIT) == []
    log = chat.get_by_role("log", name="Messages")
    assert (log.get_attribute("aria-live"), log.get_attribute("tabindex")) == ("polite", "0")


def test_nothing_moves_for_who_wants_no_motion(browse: Open) -> None:
    """The dialog is just there."""
    moving = "document.body.lastElementChild.shadowRoot.querySelector('.panel').getAnimations().length"
    for motion, count in (("reduce", 0), ("no-preference", 1)):
        tab = browse(reduced_motion=motion)
        tab.get_by_role("button", name="Open the chat").wait_for()
        tab.evaluate("window.crocevia.open()")
        assert tab.evaluate(moving) == count


def test_a_choice_is_taken_with_a_click(site: Site, browse: Open) -> None:
    """An agent offers choices; the one taken is a message, and the question is over."""
    tab = browse(viewport={"width": 360, "height": 640})
    chat = launch(tab)
    say(chat, "I need a kettle")
    expect(chat.get_by_text("sent")).to_be_visible()
    site.shop.settle()
    site.shop.reply("Which one?", buttons="Red|r\nBlue")
    site.shop.settle()
    box = chat.bounding_box()
    assert (box["width"], box["height"]) == (360, 640)
    chat.get_by_role("button", name="Blue").click()
    expect(chat.get_by_role("button", name="Red")).to_have_count(0)
    expect(chat.get_by_text("· sent")).to_be_visible()
    site.shop.settle()
    assert [re.sub(r".*: ", "", line) for line in lines(chat)] == ["I need a kettle", "Which one?", "Blue"]
