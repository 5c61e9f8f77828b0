"""A delivery of a page or an Instagram account, leaf by leaf: whose it is, and who reads it.

One body may hold messages, messages of a thread that another app answers (`standby`) and changes, of several accounts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from crocevia import Event, Ignored, Unrecognised
from crocevia.errors import MalformedError
from crocevia_meta.account import Account
from crocevia_meta.envelope import Leaf, Shape, delivery
from crocevia_meta.node import Node, UnreadableError, label, optional_id, optional_node

Reader = Callable[[Leaf], Event | None]
_MESSAGING = ("entry.*.messaging.*", "entry.*.standby.*")
_MIDS = ".delivery.mids.*"
LEAF_PATHS = (*_MESSAGING, *(f"{path}{_MIDS}" for path in _MESSAGING), "entry.*.changes.*")
"""A delivery receipt names several messages, each of which is told of."""

_SHAPE = Shape(*LEAF_PATHS)
_OF_AN_ENTRY = frozenset({"id", "uid", "time", "changed_fields", "hop_context", "messaging", "standby", "changes"})
_TEST = "0"
"""What the App dashboard's test button puts in an account's place."""


def leaves(body: object) -> list[Leaf]:
    """The leaves of a delivery; relays that cut the envelope away leave a list of entries, or one update.

    Raises:
        MalformedError: it is none of Meta's.
    """
    if isinstance(body, dict) and "object" not in body:
        if isinstance(body.get("entry"), list):
            return _SHAPE.leaves(body)
        if "entry" not in body and "messaging" in body:
            update = body["messaging"]
            return [Leaf("/messaging", _MESSAGING[0], update, "bare" if isinstance(update, dict) else "broken", {})]
    return _SHAPE.leaves(delivery(body))


def events(
    body: object, account: Account, readers: Mapping[str, Reader], elsewhere: Mapping[str, str] | None = None
) -> Iterator[Event]:
    """What a decoded body tells, in the order of its leaves.

    Args:
        account: Whose updates are read; those of others are ignored.
        readers: By branch (`"messaging"`, `"standby"`, `"changes"`).
        elsewhere: Why a leaf of a branch is left to another connection, where there is no reader, or it finds nothing
            of its own (None).

    Raises:
        MalformedError: it is none of Meta's.
    """
    found = leaves(body)
    assert isinstance(body, dict)  # noqa: S101 - `leaves` has raised for anything else
    if not found:
        yield Ignored(reason="an empty delivery")
    if (of := body.get("object", account.object)) != account.object:
        yield from (Ignored(reason=f"of {label(of)}, not of {account.object!r}", leaf=leaf.pointer) for leaf in found)
        return
    for leaf in found:
        branch = leaf.path.split(".")[2] if leaf.path.count(".") > 1 else ""
        if not branch:
            yield _entry(leaf)
        elif (reason := _not_ours(leaf, account)) is not None:
            yield Ignored(reason=reason, leaf=leaf.pointer)
        else:
            yield _event(leaf, branch, readers.get(branch), (elsewhere or {}).get(branch))


def _event(leaf: Leaf, branch: str, reader: Reader | None, elsewhere: str | None) -> Event:
    is_broken = leaf.state == "broken" and not (leaf.path.endswith(_MIDS) and isinstance(leaf.node, str))
    if is_broken and elsewhere is None:
        return Unrecognised(what=f"{leaf.path} is of a wrong type", leaf=leaf.pointer)
    try:
        found = None if is_broken or reader is None else reader(leaf)
    except (UnreadableError, MalformedError) as error:
        return Unrecognised(what=f"{branch}: {error}", leaf=leaf.pointer)
    return found or Ignored(reason=elsewhere or "nothing to do", leaf=leaf.pointer)


def _entry(leaf: Leaf) -> Event:
    """An entry with none of the lists that we read."""
    if leaf.state == "broken":
        return Unrecognised(what=f"{leaf.path} is of a wrong type", leaf=leaf.pointer)
    lists = [name for name, value in leaf.node.items() if isinstance(value, list)]
    if unknown := sorted(set(lists) - _OF_AN_ENTRY):
        return Unrecognised(what=f"an entry with {label(unknown[0])}", leaf=leaf.pointer)
    return Ignored(reason="an empty part of a delivery", leaf=leaf.pointer)


def _not_ours(leaf: Leaf, account: Account) -> str | None:
    """Why it is not for this account; None when it is."""
    told = optional_id(leaf.around.get("entry", {}), "id")
    if told == _TEST:
        return "a test from the App dashboard"
    if told is None:
        node: Node = leaf.node if isinstance(leaf.node, dict) else leaf.around.get("messaging", {})
        sides = [optional_id(optional_node(node, side), "id") for side in ("sender", "recipient")]
        return None if account.id in sides or None in sides else f"of another {account.object}"
    return None if told == account.id else f"of another {account.object}"
