"""The one timeline of a customer: every interaction in order, over all roads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen
from sqlalchemy.engine import Connection

from crocevia.model import from_us
from crocevia.store import interactions
from crocevia.store.ids import interaction_uid
from crocevia.store.interactions import InteractionRow
from crocevia.store.tables import bindings, revisions
from crocevia.store.tables import interactions as table
from crocevia.sync import media
from crocevia.sync.world import World
from crocevia.web.pages.record import Keeping, keeping

PAGE = 100
_QUOTED = 80


@frozen
class Earlier:
    """What an edit replaced. `at`: when it was edited, in microseconds."""

    text: str | None
    at: int


@frozen(kw_only=True)
class Touch:
    """One interaction.

    Attributes:
        road: The connection it went over: for a reply born in a CRM, the channel's.
        born: The CRM where it was written; None for what came over a channel.
        earlier: What its edits replaced, oldest first.
        removed_at: In microseconds; None while it is there, 0 when the time was not told.
        answers: What it answers or reacts to: `(uid, quotation)`, the uid None when not on this page; None: nothing.
        reactions: Reactions to it on this page: `(text, author)`.
        kept: Per CRM.
        notes: Of each file, how long the vendor keeps it, or that it is gone; `""` where nobody says.
    """

    row: InteractionRow
    road: str
    born: str | None
    earlier: tuple[Earlier, ...]
    removed_at: int | None
    answers: tuple[str | None, str] | None = None
    reactions: tuple[tuple[str, str | None], ...] = ()
    kept: tuple[Keeping, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def files(self) -> list[dict[str, Any]]:
        """Attachments, by reference."""
        found: list[dict[str, Any]] = self.row.detail.get("attachments") or []
        return found

    @property
    def day(self) -> date:
        """The UTC day."""
        return from_us(self.row.at).date()


@frozen(kw_only=True)
class Timeline:
    """A stretch of the timeline, oldest first. `before`: where the earlier ones go on (`"at-id"`); None: no more."""

    touches: tuple[Touch, ...]
    before: str | None


def timeline(world: World, connection: Connection, profile_id: int, before: tuple[int, int] | None) -> Timeline:
    """The newest interactions of a customer, or those before one: `(at, id)`."""
    statement = (
        sa.select(table.c.id)
        .where(table.c.profile_id == profile_id)
        .order_by(table.c.at.desc(), table.c.id.desc())
        .limit(PAGE + 1)
    )
    if before is not None:
        at, id_ = before
        statement = statement.where((table.c.at < at) | ((table.c.at == at) & (table.c.id < id_)))
    ids = list(connection.execute(statement).scalars())
    shown = ids[:PAGE]
    rows = sorted(interactions.load(connection, shown).values(), key=lambda row: (row.at, row.id))
    history, removed = _history(connection, shown)
    kept = _kept(connection, shown)
    touches = [
        Touch(
            row=row,
            road=row.detail.get("road", row.connection),
            born=row.connection if "message_key" in row.detail else None,
            earlier=tuple(history.get(row.id, ())),
            removed_at=removed.get(row.id, 0) if row.removed else None,
            kept=kept.get(row.id, ()),
            notes=tuple(file.note for file in media.files(world, row)),
        )
        for row in rows
    ]
    return Timeline(touches=tuple(_related(touches)), before=f"{rows[0].at}-{rows[0].id}" if len(ids) > PAGE else None)


def _related(touches: list[Touch]) -> list[Touch]:
    """Join answers and reactions to what they are about, by the channel's own key."""
    by_uid = {interaction_uid(touch.road, key): touch for touch in touches if (key := touch.row.message_key)}
    by_uid |= {touch.row.uid: touch for touch in touches}
    reactions: defaultdict[str, list[tuple[str, str | None]]] = defaultdict(list)
    answers: dict[str, tuple[str | None, str]] = {}
    for touch in touches:
        about = touch.row.detail.get("in_reply_to")
        if about is None:
            continue
        target = by_uid.get(interaction_uid(touch.road, about))
        answers[touch.row.uid] = (target.row.uid, _quoted(target)) if target else (None, "an earlier message")
        if target and touch.row.kind == "reaction" and touch.row.text and not touch.row.removed:
            reactions[target.row.uid].append((touch.row.text, touch.row.detail.get("author")))
    return [
        evolve(touch, answers=answers.get(touch.row.uid), reactions=tuple(reactions.get(touch.row.uid, ())))
        for touch in touches
    ]


def _quoted(touch: Touch) -> str:
    if touch.row.removed:
        return "a removed message"
    text = touch.row.text or next((file.get("kind", "file") for file in touch.files), touch.row.kind)
    return text if len(text) <= _QUOTED else text[: _QUOTED - 1].rstrip() + "…"


def _history(connection: Connection, ids: Collection[int]) -> tuple[Mapping[int, list[Earlier]], Mapping[int, int]]:
    """What edits replaced, and when what was removed."""
    statement = (
        sa.select(revisions.c.interaction_id, revisions.c.action, revisions.c.at, revisions.c.before)
        .where(
            revisions.c.interaction_id.in_(ids),
            revisions.c.action.in_(("interaction revised", "interaction removed")),
        )
        .order_by(revisions.c.id)
    )
    edits: defaultdict[int, list[Earlier]] = defaultdict(list)
    removed: dict[int, int] = {}
    for row in connection.execute(statement):
        if row.action == "interaction removed":
            removed[row.interaction_id] = row.at
        else:
            edits[row.interaction_id].append(Earlier(row.before, row.at))
    return edits, removed


def _kept(connection: Connection, ids: Collection[int]) -> Mapping[int, tuple[Keeping, ...]]:
    statement = (
        sa.select(
            bindings.c.subject_id,
            bindings.c.connection,
            bindings.c.state,
            bindings.c.wanted,
            bindings.c.applied,
            bindings.c.remote_id,
        )
        .where(bindings.c.of == "interaction", bindings.c.subject_id.in_(ids))
        .order_by(bindings.c.connection)
    )
    found: defaultdict[int, list[Keeping]] = defaultdict(list)
    for row in connection.execute(statement):
        keep = keeping(row.state, row.wanted, row.applied)
        found[row.subject_id].append(Keeping(row.connection, keep, row.remote_id))
    return {id_: tuple(kept) for id_, kept in found.items()}
