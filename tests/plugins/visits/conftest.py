"""Tills, and what the connector makes of what they write."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crocevia import Event, ParseContext, Raw, Secret
from crocevia.testing import FakeClock
from crocevia_visits import Settings, Visits
from tests.plugins.road import empty_store, hub

__all__ = ["empty_store", "hub"]

HEAD = "receipt;till;shop;date;amount;items;loyalty;email\n"


def make(clock: FakeClock | None = None, **changed: Any) -> Visits:
    """A connector, its settings as `crocevia.toml` would give them."""
    settings = Settings(**{"secret": Secret("till secret"), "programme": "casa", **changed})
    return Visits(settings, connection="shop", clock=clock or FakeClock())


def parsed(visits: Visits, body: bytes | str) -> list[Event]:
    """What is made of a body; every leaf is exactly one event."""
    written = body.encode() if isinstance(body, str) else body
    raw = Raw(connection="shop", kind="visits", body=written, received_at=FakeClock().now())
    events = list(visits.parse(raw, ParseContext(now=raw.received_at, region="IT")))
    assert sorted(event.leaf for event in events) == sorted(visits.leaves(raw))
    return events


def receipt(number: int, amount: str = "10,00", loyalty: str = "") -> str:
    """A line of a till's."""
    return f"{number};1;Milano;20/11/2026 10:00;{amount};1;{loyalty};\n"


@pytest.fixture
def till(tmp_path: Path) -> Callable[[str], Path]:
    """Makes a file of a till's."""

    def written(text: str, name: str = "till.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(text.encode())
        return path

    return written
