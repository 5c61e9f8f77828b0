"""Meta's webhook envelope, the same for WhatsApp, Messenger, Instagram and Pages: batches at every level.

A delivery is `{"object", "entry": [{"id", "changes": [{"field", "value"}] | "messaging": [...]}]}`; one may hold up to
1000 updates of several accounts, and of fields that were invented since.
Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started (Graph API v23.0, 2026-05).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from attrs import frozen

from crocevia.errors import MalformedError
from crocevia_meta.node import Node, label

State = Literal["whole", "bare", "broken"]


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
    state: State
    around: Mapping[str, Node]


@frozen
class Step:
    """One name of a path, and what may lie below it.

    Attributes:
        name: The key in the enclosing object.
        path: The declared path so far, with `.*` for a list.
        is_list: Whether it holds a list, each element of which may hold `below`.
        below: The steps that go on from here; none: a leaf.
    """

    name: str
    path: str
    is_list: bool
    below: tuple[Step, ...]


class Shape:
    """Where the leaves of a delivery lie: paths with `*` for each element of a list, compiled once."""

    def __init__(self, *paths: str) -> None:
        self._steps = _compiled([path.split(".") for path in paths], "")

    def leaves(self, body: Node) -> list[Leaf]:
        """Every leaf of `body`, each once; nothing that a branch of the shape holds is passed over in silence."""
        found: list[Leaf] = []
        _below(body, self._steps, "", {}, found)
        return found


def _compiled(paths: list[list[str]], before: str) -> tuple[Step, ...]:
    steps: dict[str, list[list[str]]] = {}
    for name, *rest in filter(None, paths):
        steps.setdefault(name, []).append(rest)
    compiled = []
    for name, rests in steps.items():
        is_list = any(rest[:1] == ["*"] for rest in rests)
        path = f"{before}{name}.*" if is_list else f"{before}{name}"
        below = [rest[1:] for rest in rests] if is_list else rests
        compiled.append(Step(name, path, is_list, _compiled(below, f"{path}.")))
    return tuple(compiled)


def _below(node: Node, steps: tuple[Step, ...], pointer: str, around: Mapping[str, Node], found: list[Leaf]) -> None:
    """Add the leaves below an object; a list handed down, and no generators: this runs for every message."""
    for step in steps:
        if step.name not in node or (child := node[step.name]) is None:
            continue
        here = f"{pointer}/{step.name}"
        if step.is_list and isinstance(child, list):
            _elements(child, step, here, around, found)
        elif not step.is_list and isinstance(child, dict):
            _below(child, step.below, here, {**around, step.name: child}, found)
        else:
            found.append(Leaf(here, step.path.removesuffix(".*"), child, "broken", around))


def _elements(items: list[Any], step: Step, pointer: str, around: Mapping[str, Node], found: list[Leaf]) -> None:
    for index, item in enumerate(items):
        here = f"{pointer}/{index}"
        if not isinstance(item, dict):
            found.append(Leaf(here, step.path, item, "broken", around))
        elif not step.below:
            found.append(Leaf(here, step.path, item, "whole", around))
        else:
            before = len(found)
            _below(item, step.below, here, {**around, step.name: item}, found)
            if len(found) == before:
                found.append(Leaf(here, step.path, item, "bare", around))


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
