"""Which profiles became one, what changed hands then, and which are known to be two."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among
from crocevia.store.tables import (
    announcements,
    apart,
    bindings,
    commands,
    interactions,
    journal_subjects,
    merges,
    moved,
    profiles,
    revisions,
)

LIVE = ("new", "linked")


@define(kw_only=True)
class MergeRow:
    """One merge; `profile_id` survived, `loser_id` is a tombstone for as long as `undone_at` is None."""

    id: int
    profile_id: int
    loser_id: int
    by: str
    reason: str
    at: int
    snapshot: dict[str, Any] = field(factory=dict)
    undone_at: int | None = None


def add(connection: Connection, row: MergeRow) -> None:
    """Write a merge down."""
    connection.execute(
        sa.insert(merges).values(
            id=row.id,
            profile_id=row.profile_id,
            loser_id=row.loser_id,
            by=row.by,
            reason=row.reason,
            snapshot=dumps(row.snapshot),
            at=row.at,
            undone_at=row.undone_at,
        )
    )


def keep_snapshot(connection: Connection, row: MergeRow) -> None:
    """Write a merge's snapshot again."""
    connection.execute(sa.update(merges).where(merges.c.id == row.id).values(snapshot=dumps(row.snapshot)))


def in_force(connection: Connection, *, loser: int | None = None, survivor: int | None = None) -> list[MergeRow]:
    """Merges that were not undone, of one profile that was merged away or into one that survived; newest last."""
    statement = sa.select(merges).where(merges.c.undone_at.is_(None)).order_by(merges.c.id)
    if loser is not None:
        statement = statement.where(merges.c.loser_id == loser)
    if survivor is not None:
        statement = statement.where(merges.c.profile_id == survivor)
    return [
        MergeRow(
            id=row.id,
            profile_id=row.profile_id,
            loser_id=row.loser_id,
            by=row.by,
            reason=row.reason,
            at=row.at,
            snapshot=loads(row.snapshot),
        )
        for row in connection.execute(statement)
    ]


def undone(connection: Connection, row: MergeRow, now: int) -> None:
    """That it was taken back; what it held of the two is with them again, and nowhere else."""
    connection.execute(sa.update(merges).where(merges.c.id == row.id).values(undone_at=now, snapshot="{}"))
    connection.execute(sa.delete(moved).where(moved.c.merge_id == row.id))


# --- what changes hands ---------------------------------------------------------------------------------------------


def move(connection: Connection, merge_id: int, loser: int, survivor: int) -> int:
    """Give every interaction of one profile to another, and remember which; return how many."""
    mine = sa.select(sa.literal(merge_id), interactions.c.id).where(interactions.c.profile_id == loser)
    connection.execute(sa.insert(moved).from_select(["merge_id", "interaction_id"], mine))
    changed = connection.execute(
        sa.update(interactions).where(interactions.c.profile_id == loser).values(profile_id=survivor)
    ).rowcount
    _bindings_of(connection, bindings.c.profile_id == loser, survivor)
    return changed


def move_back(connection: Connection, merge_id: int, survivor: int, loser: int) -> int:
    """Give back what changed hands in a merge and is still with the survivor; return how many."""
    mine = sa.select(moved.c.interaction_id).where(moved.c.merge_id == merge_id)
    changed = connection.execute(
        sa.update(interactions)
        .where(interactions.c.id.in_(mine), interactions.c.profile_id == survivor)
        .values(profile_id=loser)
    ).rowcount
    _bindings_of(connection, bindings.c.subject_id.in_(mine) & (bindings.c.profile_id == survivor), loser)
    return changed


def also(connection: Connection, merge_id: int, ids: Collection[int]) -> None:
    """Let these interactions, which came after a merge, go the way of those that changed hands in it."""
    if ids:
        connection.execute(sa.insert(moved), [{"merge_id": merge_id, "interaction_id": one} for one in sorted(ids)])


def readdress(store: Store, connection: Connection, merge_id: int, survivor: int, loser: int) -> None:
    """Let what was written since a merge about interactions that go back carry the key of whom it is about."""
    mine = sa.select(moved.c.interaction_id).where(moved.c.merge_id == merge_id)
    raws = (
        sa.select(interactions.c.raw_id)
        .where(interactions.c.id.in_(mine), interactions.c.id > merge_id, interactions.c.raw_id.is_not(None))
        .union(sa.select(revisions.c.raw_id).where(revisions.c.interaction_id.in_(mine), revisions.c.id > merge_id))
        .subquery()
    )
    known = sa.select(sa.literal(loser), raws.c.raw_id).where(raws.c.raw_id.is_not(None))
    insert = store.insert(journal_subjects).from_select(["profile_id", "raw_id"], known)
    connection.execute(insert.on_conflict_do_nothing())
    others = sa.select(interactions.c.raw_id).where(
        interactions.c.profile_id == survivor, interactions.c.raw_id.is_not(None)
    )
    connection.execute(
        sa.delete(journal_subjects).where(
            journal_subjects.c.profile_id == survivor,
            journal_subjects.c.raw_id.in_(sa.select(raws.c.raw_id)),
            journal_subjects.c.raw_id.not_in(others),
        )
    )
    for table, subject in (
        (revisions, revisions.c.interaction_id),
        (announcements, announcements.c.subject_id),
        (commands, commands.c.interaction_id),
    ):
        connection.execute(
            sa.update(table).where(subject.in_(mine), table.c.profile_id == survivor).values(profile_id=loser)
        )


def moved_ids(connection: Connection, merge_ids: Iterable[int]) -> set[int]:
    """The interactions that changed hands in these merges."""
    statement = sa.select(moved.c.interaction_id).where(moved.c.merge_id.in_(list(merge_ids)))
    return set(connection.execute(statement).scalars())


def _bindings_of(connection: Connection, condition: sa.ColumnElement[bool], profile: int) -> None:
    """Records of interactions follow their customer; those that are live are to point to his record."""
    mine = (bindings.c.of == "interaction") & condition
    live = bindings.c.state.in_((*LIVE, "blocked"))
    connection.execute(
        sa.update(bindings)
        .where(mine)
        .values(
            profile_id=profile,
            wanted=bindings.c.wanted + sa.case((live, 1), else_=0),
            due_at=sa.case((live, 0), else_=bindings.c.due_at),
            state=sa.case((bindings.c.state == "blocked", "new"), else_=bindings.c.state),
        )
    )


def rebind(connection: Connection, places: Sequence[tuple[int, int, int, str]]) -> None:
    """Move records between profiles: `(binding id, subject, profile, state)`; two may change places."""
    for binding, _, _, _ in places:  # out of the way first: one record for one subject and connection
        connection.execute(sa.update(bindings).where(bindings.c.id == binding).values(subject_id=-binding))
    for binding, subject, profile, state in places:
        connection.execute(
            sa.update(bindings)
            .where(bindings.c.id == binding)
            .values(subject_id=subject, profile_id=profile, state=state, due_at=0, attempts=0)
        )


def point(connection: Connection, old: int, new: int) -> None:
    """Let the tombstones that point to one profile point to another: pointers never form a chain."""
    connection.execute(sa.update(profiles).where(profiles.c.merged_into == old).values(merged_into=new))


def family(connection: Connection, profile: int) -> list[int]:
    """A profile and everything that was merged into it: the ids under which its personal data is kept."""
    statement = sa.select(profiles.c.id).where(profiles.c.merged_into == profile).order_by(profiles.c.id)
    return [profile, *connection.execute(statement).scalars()]


def descend(connection: Connection, profile: int) -> list[int]:
    """Everything that was merged into a profile, and into those; whatever their pointers say now."""
    found: list[int] = []
    waiting = [profile]
    while waiting:
        statement = sa.select(merges.c.loser_id).where(merges.c.profile_id.in_(waiting), merges.c.undone_at.is_(None))
        waiting = [one for one in connection.execute(statement).scalars() if one not in found]
        found += waiting
    return found


def point_these(connection: Connection, ids: Collection[int], to: int) -> None:
    """Let these tombstones point to a profile."""
    if ids:
        connection.execute(sa.update(profiles).where(profiles.c.id.in_(list(ids))).values(merged_into=to))


# --- two customers --------------------------------------------------------------------------------------------------


def keep_apart(store: Store, connection: Connection, pairs: Iterable[tuple[int, int]], by: str, at: int) -> None:
    """Remember that the two of each pair are two customers."""
    rows = [{"profile_id": min(pair), "other_id": max(pair), "by": by, "at": at} for pair in pairs]
    if rows:
        connection.execute(store.insert(apart).on_conflict_do_nothing(), rows)


def put_together(connection: Connection, one: int, other: int) -> None:
    """Forget that two are two customers."""
    connection.execute(
        sa.delete(apart).where(apart.c.profile_id == min(one, other), apart.c.other_id == max(one, other))
    )


def apart_of(connection: Connection, ids: Collection[int]) -> set[tuple[int, int]]:
    """Every pair of which it is known that the two are not one, with one of these profiles first; both ways round."""
    found = [*_APART.rows(connection, ids), *_APART_OTHER.rows(connection, ids)]
    return {pair for one, other in found for pair in ((one, other), (other, one))}


_APART = Among("SELECT profile_id, other_id FROM apart WHERE profile_id {among}")
_APART_OTHER = Among("SELECT profile_id, other_id FROM apart WHERE other_id {among}")


def kept_apart(connection: Connection, profile: int) -> set[int]:
    """The profiles of which it is known that they are not this one."""
    statement = sa.select(apart.c.profile_id, apart.c.other_id).where(
        (apart.c.profile_id == profile) | (apart.c.other_id == profile)
    )
    return {other for row in connection.execute(statement) for other in row if other != profile}
