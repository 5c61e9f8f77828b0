"""What the town's roads saw, in the ledgers of the demo: the same files and lines as the simulated vendor's."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any


class Book:
    """Appends to `vendor_sent.jsonl` and `vendor_received.jsonl`; each line also names its `road`."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._lock = threading.Lock()
        self._left: set[str] = set()

    def sent(self, road: str, id_: str, kind: str, customer: str, **more: str) -> None:
        """A leaf is about to leave."""
        line = {"id": id_, "kind": kind, "leaf": kind, "redelivery": id_ in self._left, "customer": customer, **more}
        self._left.add(id_)
        self._write("vendor_sent.jsonl", {**line, "road": road})

    def received(self, road: str, id_: str, to: str, callback: str) -> None:
        """A reply is about to be acknowledged; `callback` is our own id of it."""
        self._write("vendor_received.jsonl", {"id": id_, "to": to, "callback": callback, "road": road})

    def _write(self, name: str, line: dict[str, Any]) -> None:
        text = json.dumps({**line, "at": datetime.now(UTC).isoformat()}, ensure_ascii=False) + "\n"
        with self._lock, (self._folder / name).open("a", encoding="utf-8") as file:  # one write: others append too
            file.write(text)
