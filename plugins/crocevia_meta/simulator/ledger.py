"""What the vendor saw, as JSON lines that anyone can add up.

`vendor_sent.jsonl`: one line for each leaf of each delivery, written before the delivery leaves:
`{"id", "kind", "leaf", "redelivery", "at", "of"?, "status"?, "customer"}`. `id` is the message's `wamid`; of a status
`"<wamid>:<status>"`. `kind` and `leaf` are `message`, `edit`, `reaction`, `status`, `removed` or `system`; `of` is the
`wamid` that an edit, reaction, removal or status is about; `redelivery` says that this leaf left before.

`vendor_received.jsonl`: one line for each reply that was accepted, written before its answer:
`{"id", "to", "type", "text_sha256", "callback", "at"}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

SENT = "vendor_sent.jsonl"
RECEIVED = "vendor_received.jsonl"


class Ledger:
    """Two append-only files in `folder`; None: it only remembers what left before. Callers hold the vendor's lock."""

    def __init__(self, folder: Path | None) -> None:
        self._sent = self._received = None
        self._left: set[str] = set()
        self.received_ids: set[str] = set()
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            self._left = {line["id"] for line in _lines(folder / SENT)}
            self.received_ids = {line["id"] for line in _lines(folder / RECEIVED)}
            self._sent, self._received = _appended(folder / SENT), _appended(folder / RECEIVED)

    def sent(self, leaves: Iterable[Mapping[str, Any]]) -> None:
        """Write down leaves that are about to leave: `{"id", "kind", "of", "status", "customer"}` each."""
        for leaf in leaves:
            told = {name: leaf[name] for name in ("of", "status", "customer") if leaf.get(name)}
            again = leaf["id"] in self._left
            self._left.add(leaf["id"])
            _write(
                self._sent, {"id": leaf["id"], "kind": leaf["kind"], "leaf": leaf["kind"], "redelivery": again, **told}
            )

    def received(self, reply: Mapping[str, Any]) -> None:
        """Write down a reply that is about to be answered."""
        self.received_ids.add(reply["id"])
        _write(self._received, dict(reply))

    def close(self) -> None:
        """Close the files."""
        for file in (self._sent, self._received):
            if file is not None:
                file.close()


def _write(file: TextIO | None, line: dict[str, Any]) -> None:
    if file is not None:
        line.setdefault("at", datetime.now(UTC).isoformat())
        file.write(json.dumps(line, ensure_ascii=False) + "\n")
        file.flush()


def _appended(path: Path) -> TextIO:
    """Open for appending, after a line that a kill cut short."""
    torn = path.exists() and path.stat().st_size > 0 and not path.read_bytes().endswith(b"\n")
    if torn:
        whole = path.read_bytes()
        path.write_bytes(whole[: whole.rfind(b"\n") + 1])
    return path.open("a", encoding="utf-8")


def _lines(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]
