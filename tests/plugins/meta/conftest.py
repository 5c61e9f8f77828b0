"""A WhatsApp connector, and a vendor to speak with."""

import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from attrs import define, field

from crocevia import Event, ParseContext, Raw, Secret
from crocevia_meta.simulator import RunningVendor, VendorSettings, running_vendor
from crocevia_meta.whatsapp import Settings, WhatsApp

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
Parse = Callable[[bytes], list[Event]]


@define
class Listener:
    """A webhook endpoint that keeps what comes.

    Attributes:
        url: Where it listens.
        answers: Statuses to give, first to last; 200 once they are used up.
        taken: `(headers in lower case, body)` of every delivery that was answered 200.
        refused: Bodies of the others.
    """

    url: str = ""
    answers: list[int] = field(factory=list)
    taken: list[tuple[dict[str, str], bytes]] = field(factory=list)
    refused: list[bytes] = field(factory=list)


def make_settings(**changed: Any) -> Settings:
    """Settings of one number, as `crocevia.toml` would give them."""
    given: dict[str, Any] = {
        "phone_number_id": "106540352242922",
        "app_secret": Secret("app secret"),
        "access_token": Secret("access token"),
        "verify_token": Secret("verify token"),
    }
    return Settings(**{**given, **changed})


@pytest.fixture(scope="session")
def whatsapp() -> WhatsApp:
    """A connector with settings that no sample knows."""
    return WhatsApp(make_settings())


@pytest.fixture(scope="session")
def parse(whatsapp: WhatsApp) -> Parse:
    """What the connector makes of a body; every leaf is exactly one event."""

    def parsed(body: bytes) -> list[Event]:
        raw = Raw(connection="whatsapp", kind="whatsapp", body=body, received_at=NOW)
        events = list(whatsapp.parse(raw, ParseContext(now=NOW)))
        assert sorted(event.leaf for event in events) == sorted(whatsapp.leaves(raw))
        return events

    return parsed


@pytest.fixture
def listener() -> Iterator[Listener]:
    """An endpoint on loopback."""
    kept = Listener()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = kept.answers.pop(0) if kept.answers else 200
            if status == 200:
                kept.taken.append(({name.lower(): value for name, value in self.headers.items()}, body))
            else:
                kept.refused.append(body)
            self.send_response(status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        kept.url = f"http://127.0.0.1:{server.server_port}/hooks/whatsapp"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield kept
        server.shutdown()
        thread.join()


@pytest.fixture
def vendor_settings(listener: Listener, tmp_path: Path) -> VendorSettings:
    """A vendor that delivers to the listener and keeps a ledger."""
    return VendorSettings(
        app_secret=Secret("app secret"),
        access_token=Secret("access token"),
        webhook=listener.url,
        ledger=tmp_path / "ledger",
        status_delay_s=0.02,
        backoff_s=0.02,
        failing={"393339999999": 131026},
    )


@pytest.fixture
def vendor(vendor_settings: VendorSettings) -> Iterator[RunningVendor]:
    """A running vendor."""
    with running_vendor(vendor_settings) as running:
        yield running


@pytest.fixture
def connected(vendor: RunningVendor) -> WhatsApp:
    """The connector, set to speak with the vendor."""
    return WhatsApp(make_settings(base_url=vendor.url, business_account_id="102290129340398"))
