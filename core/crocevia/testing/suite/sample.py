"""Recorded input, and what it is expected to mean."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
from attrs import frozen

from crocevia.errors import MalformedError
from crocevia.model import Event, Raw
from crocevia.model.moment import EPOCH

_EXPECTED = ".expected.json"
_HEADERS = ".headers.json"


@frozen(kw_only=True)
class Sample:
    """One file of the samples folder: a body exactly as the vendor gave it.

    Beside `x.json` (or `.eml`, `.xml`, `.form`...) lie `x.expected.json`, which the suite writes, and where `parse`
    reads headers `x.headers.json` (`{"lower-case name": value}`). For a connector that reads pages or streams,
    a subfolder is the name of the stream or object: `samples/Contact/merged.json`.
    """

    path: Path
    name: str
    stream: str
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def all_in(cls, folder: Path, *, streams: bool) -> list[Sample]:
        """Every sample below the folder, by name."""
        files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
        found = []
        for path in files:
            if path.name.endswith((_EXPECTED, _HEADERS, ".md")):
                continue
            beside = path.with_name(path.stem + _HEADERS)
            relative = path.relative_to(folder)
            found.append(
                cls(
                    path=path,
                    name=relative.as_posix(),
                    stream=relative.parent.as_posix() if streams and len(relative.parts) > 1 else "",
                    body=path.read_bytes(),
                    headers=json.loads(beside.read_text()) if beside.exists() else {},
                )
            )
        return found

    @property
    def expected_path(self) -> Path:
        """Where the expected result lies."""
        return self.path.with_name(self.path.stem + _EXPECTED)

    @property
    def json(self) -> Any:
        """The body decoded; None when it is not JSON."""
        try:
            return Raw(connection="", kind="", body=self.body, received_at=EPOCH).json()
        except MalformedError:
            return None


def shown(events: Iterable[Event]) -> list[dict[str, Any]]:
    """Events as JSON, with only the fields that say something."""
    return [{"event": event.tag, **_attributes(event)} for event in events]


def _attributes(record: Any) -> dict[str, Any]:
    return {
        attribute.name: _plain(value)
        for attribute in attrs.fields(type(record))
        if (value := getattr(record, attribute.name)) != attribute.default
    }


def _plain(value: Any) -> Any:
    if attrs.has(type(value)):
        return _attributes(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, timedelta):
        return f"{value.total_seconds():g} s"
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value
