"""One piece of input exactly as a vendor gave it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any, Literal, NoReturn

from attrs import field, frozen

from crocevia.errors import MalformedError
from crocevia.model import strict_json
from crocevia.model.moment import EPOCH, utc

Source = Literal["webhook", "page", "stream", "file"]
MAX_DEPTH = 64


@frozen(kw_only=True)
class Raw:
    """One piece of input, journaled before it is understood.

    Attributes:
        connection: Name of the connection it came through.
        kind: The connector's kind.
        body: The bytes, untouched.
        received_at: When we had it whole.
        headers: Lower-case names; only those a connector needs to parse again (never signatures or cookies).
        source: How it came: `"webhook"`, `"page"` (of a poll), `"stream"`, or `"file"` (translated by hand).
        stream: Which stream or object a page belongs to; `""` for webhooks.
    """

    connection: str
    kind: str
    body: bytes
    received_at: datetime = field(converter=utc)
    headers: Mapping[str, str] = field(factory=dict)
    source: Source = "webhook"
    stream: str = ""

    @property
    def key(self) -> str:
        """Hash of the body: equal for an identical redelivery."""
        return blake2b(self.body, digest_size=16).hexdigest()

    def json(self) -> Any:
        """Decode the body as strict JSON.

        Raises:
            MalformedError: not UTF-8, not JSON, NaN or Infinity, a key twice in one object, or deeper than 64.
        """
        found = strict_json.quick(self.body, MAX_DEPTH)
        return self._examined() if found is strict_json.IN_DOUBT else found

    def _examined(self) -> Any:
        """The body read slowly, or what is wrong with it."""
        if self.body.count(b"[") + self.body.count(b"{") > MAX_DEPTH:
            _refuse_depth(self.body)
        try:
            return json.loads(self.body.decode(), object_pairs_hook=_unique_object, parse_constant=_refuse_constant)
        except MalformedError:
            raise
        except UnicodeDecodeError as error:
            msg = f"the body is not UTF-8 (byte {error.start})"
            raise MalformedError(msg) from None
        except (ValueError, RecursionError) as error:
            where = f" (line {error.lineno}, column {error.colno})" if isinstance(error, json.JSONDecodeError) else ""
            msg = f"the body is not JSON{where}"
            raise MalformedError(msg) from None


def _refuse_depth(body: bytes) -> None:
    """Count nesting outside strings, without recursion."""
    depth = 0
    in_string = escaped = False
    for byte in body:
        if in_string:
            if escaped:
                escaped = False
            elif byte == 0x5C:  # backslash
                escaped = True
            elif byte == 0x22:  # quote
                in_string = False
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > MAX_DEPTH:
                msg = f"the body nests deeper than {MAX_DEPTH} levels"
                raise MalformedError(msg)
        elif byte in b"]}":
            depth -= 1


def _unique_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        msg = "a JSON object has the same key twice: two readers could understand it differently"
        raise MalformedError(msg)
    return found


def _refuse_constant(name: str) -> NoReturn:
    msg = f"{name} is not JSON"
    raise MalformedError(msg)


@frozen(kw_only=True)
class RawPage:
    """What one poll or one turn of a stream gave.

    Attributes:
        body: The page as the vendor gave it; `b""` when there is nothing new (nothing is journaled then).
        cursor: Where the next poll goes on; opaque to the core, committed with the page it covers.
        more: Whether another page waits right now.
        headers: As for `Raw`.
    """

    body: bytes
    cursor: str
    more: bool = False
    headers: Mapping[str, str] = field(factory=dict)


@frozen(kw_only=True)
class ParseContext:
    """What `parse` may know besides the raw, so that it stays pure.

    Attributes:
        now: The time of parsing; for relative times only.
        region: ISO country for numbers without a prefix; None when the settings say none.
    """

    now: datetime
    region: str | None = None

    @staticmethod
    def from_s(seconds: float | str) -> datetime:
        """Unix seconds, number or text, to aware UTC. Raises MalformedError for anything else."""
        return _from_epoch(seconds, 1)

    @staticmethod
    def from_ms(milliseconds: float | str) -> datetime:
        """Unix milliseconds, number or text, to aware UTC. Raises MalformedError for anything else."""
        return _from_epoch(milliseconds, 1000)

    @staticmethod
    def from_iso(text: str) -> datetime:
        """ISO 8601 with a zone (`Z`, `+00:00`, `+0000`) to aware UTC. Raises MalformedError for anything else."""
        try:
            return utc(datetime.fromisoformat(text))
        except (TypeError, ValueError, OverflowError):
            msg = "a time is not ISO 8601 with a zone"
            raise MalformedError(msg) from None  # the cause would quote the body


def _from_epoch(number: float | str, per_second: int) -> datetime:
    try:
        # A text of digits and a whole number are exact; True, which Python takes for 1, is neither.
        if type(number) is int or (isinstance(number, str) and number.isdigit()):
            whole = int(number)
            us = whole % per_second * (1_000_000 // per_second)
            return EPOCH + timedelta(seconds=whole // per_second, microseconds=us)
        if isinstance(number, float | str):
            return datetime.fromtimestamp(float(number) / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    msg = "a time is not a number of seconds or milliseconds"
    raise MalformedError(msg)


def leaves(body: Any, paths: Iterable[str]) -> list[str]:
    """Expand leaf paths (`"entry.*.changes.*.value.messages.*"`) to the JSON pointers found in `body`.

    `*` stands for every element of a list. A path that leads nowhere gives nothing. Order: by path, then position.
    """
    found: list[str] = []
    for path in paths:
        found.extend(_walk(body, path.split("."), ""))
    return found


def _walk(node: Any, steps: list[str], pointer: str) -> list[str]:
    if not steps:
        return [pointer]
    step, rest = steps[0], steps[1:]
    if step == "*":
        if not isinstance(node, list):
            return []
        return [found for index, item in enumerate(node) for found in _walk(item, rest, f"{pointer}/{index}")]
    if isinstance(node, dict) and step in node:
        return _walk(node[step], rest, f"{pointer}/{step}")
    return []
