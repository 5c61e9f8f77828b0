"""JSON columns: compact UTF-8 text, both ways."""

from __future__ import annotations

from typing import Any

import msgspec

from crocevia.model import ContactPoint

_encoder = msgspec.json.Encoder(order="deterministic")
_decoder = msgspec.json.Decoder()


def dumps(value: Any) -> str:
    """Encode; the same value always gives the same text."""
    return _encoder.encode(value).decode()


def loads(text: str | None) -> Any:
    """Decode; None for None."""
    return None if text is None else _decoder.decode(text)


def plain(value: Any) -> Any:
    """A canonical value as it is stored: JSON has no tuples, datetimes or contact points."""
    if isinstance(value, (tuple, list)):
        return [plain(item) for item in value]
    if isinstance(value, ContactPoint):
        return value.address
    return value.isoformat() if hasattr(value, "isoformat") else value
