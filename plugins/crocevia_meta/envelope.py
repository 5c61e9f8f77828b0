"""Meta's webhook envelope, the same for WhatsApp, Messenger, Instagram and Pages: batches at every level.

A delivery is `{"object", "entry": [{"id", "changes": [{"field", "value"}] | "messaging": [...]}]}`; one may hold up to
1000 updates of several accounts, and of fields that were invented since.
Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started (Graph API v23.0, 2026-05).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from attrs import frozen

from crocevia.errors import MalformedError
from crocevia_meta.node import Node, label

Trie = dict[str, "Trie"]


@frozen
class Leaf:
    """One thing that a delivery tells.

    Attributes:
        pointer: Where it lies (a JSON pointer).
        path: The declared path that led to it (`"entry.*.changes.*.value.messages.*"`).
        node: What lies there.
        state: `"whole"`; `"bare"`: a branch with no leaf below, so it is one itself (a field whose value is the news);
            `"broken"`: of a type that the path does not allow.
        around: The enclosing objects by the step that led to them (`{"entry": ..., "changes": ..., "value": ...}`).
    """

    pointer: str
    path: str
    node: Any
    state: Literal["whole", "bare", "broken"]
    around: Mapping[str, Node]


class Shape:
    """Where the leaves of a delivery lie: paths with `*` for each element of a list, compiled once."""

    def __init__(self, *paths: str) -> None:
        self._trie: Trie = {}
        for path in paths:
            below = self._trie
            for step in path.split("."):
                below = below.setdefault(step, {})

    def leaves(self, body: Node) -> Iterator[Leaf]:
        """Every leaf of `body`, each once; nothing that a branch of the shape holds is passed over in silence."""
        return _below(body, self._trie, "", "", {})


def _below(node: Node, trie: Trie, pointer: str, path: str, around: Mapping[str, Node]) -> Iterator[Leaf]:
    for step, rest in trie.items():
        child = node.get(step)
        if child is None:
            continue
        here, way = f"{pointer}/{step}", f"{path}.{step}" if path else step
        if "*" in rest:
            if isinstance(child, list):
                yield from _elements(child, step, rest["*"], here, f"{way}.*", around)
            else:
                yield Leaf(here, way, child, "broken", around)
        elif isinstance(child, dict):
            yield from _below(child, rest, here, way, {**around, step: child})
        else:
            yield Leaf(here, way, child, "broken", around)


def _elements(
    items: list[Any], step: str, trie: Trie, pointer: str, path: str, around: Mapping[str, Node]
) -> Iterator[Leaf]:
    for index, item in enumerate(items):
        here = f"{pointer}/{index}"
        if not isinstance(item, dict):
            yield Leaf(here, path, item, "broken", around)
        elif not trie:
            yield Leaf(here, path, item, "whole", around)
        else:
            found = False
            for leaf in _below(item, trie, here, path, {**around, step: item}):
                found = True
                yield leaf
            if not found:
                yield Leaf(here, path, item, "bare", around)


def delivery(body: object) -> Node:
    """The body, if it is a Meta delivery at all.

    Raises:
        MalformedError: it has no `object` and list of `entry`.
    """
    if not isinstance(body, dict):
        raise MalformedError(f"no Meta webhook: the body is {label(body)}, not an object")
    if not isinstance(body.get("object"), str) or not isinstance(body.get("entry"), list):
        raise MalformedError("no Meta webhook: it needs an `object` and a list of `entry`")
    return body
