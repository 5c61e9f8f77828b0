"""Change JSON in one place at a time, by JSON pointer."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any

MARKER = "crocevia_unknown"


def nodes(body: Any, pointer: str = "") -> Iterator[tuple[str, Any]]:
    """Every node with its pointer, parents first."""
    yield pointer, body
    items = body.items() if isinstance(body, dict) else enumerate(body) if isinstance(body, list) else ()
    for key, item in items:
        yield from nodes(item, f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}")


def at(body: Any, pointer: str) -> Any:
    """The node at a pointer."""
    for step in _steps(pointer):
        body = body[int(step)] if isinstance(body, list) else body[step]
    return body


def replaced(body: Any, pointer: str, value: Any) -> Any:
    """A copy with another value at a pointer."""
    *parents, last = _steps(pointer)
    changed = copy.deepcopy(body)
    node = changed
    for step in parents:
        node = node[int(step)] if isinstance(node, list) else node[step]
    node[int(last) if isinstance(node, list) else last] = value
    return changed


def mapped(body: Any, change: Callable[[Any], Any]) -> Any:
    """A copy in which every node went through `change`, children first."""
    if isinstance(body, dict):
        body = {key: mapped(item, change) for key, item in body.items()}
    elif isinstance(body, list):
        body = [mapped(item, change) for item in body]
    return change(body)


def with_unknown_fields(body: Any) -> Any:
    """A copy in which every object has a field that no vendor has documented yet."""
    added = {"nested": [1, "x", None], "type": "new"}
    return mapped(body, lambda node: {**node, MARKER: added} if isinstance(node, dict) else node)


def encoded(body: Any) -> bytes:
    """The JSON as most vendors write it."""
    return json.dumps(body, ensure_ascii=False).encode()


def _steps(pointer: str) -> list[str]:
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]
