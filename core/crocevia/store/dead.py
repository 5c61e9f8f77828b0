"""Dead letters: what could not be processed is kept, visible and replayable."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import evolve, frozen
from sqlalchemy.engine import Connection

from crocevia.store.ids import RowIds
from crocevia.store.tables import dead

WHOLE_RAW = ""


@frozen(kw_only=True)
class DeadLetter:
    """One thing that could not be processed.

    Attributes:
        what: `"leaf"` (of the raw `ref_id`; `leaf` is its JSON pointer, `""` the whole raw), `"binding"` or
            `"command"`.
        error: Name of the error's class: the cause to group by.
        message: What happened and the next step; no payload, no secret.
    """

    connection: str
    what: str
    ref_id: int
    leaf: str = WHOLE_RAW
    profile_id: int | None = None
    error: str
    message: str


def bury(connection: Connection, ids: RowIds, letters: Sequence[DeadLetter], now: int) -> None:
    """Keep dead letters."""
    if letters:
        connection.execute(
            sa.insert(dead),
            [
                {
                    "id": next(ids),
                    "connection": letter.connection,
                    "what": letter.what,
                    "ref_id": letter.ref_id,
                    "leaf": letter.leaf,
                    "profile_id": letter.profile_id,
                    "error": letter.error,
                    "message": letter.message,
                    "state": "open",
                    "at": now,
                }
                for letter in letters
            ],
        )


def listed(connection: Connection, name: str | None = None, most: int = 1000) -> list[dict[str, Any]]:
    """Open dead letters, oldest first, of one connection or (None) of all."""
    statement = sa.select(dead).where(dead.c.state == "open").order_by(dead.c.id).limit(most)
    if name is not None:
        statement = statement.where(dead.c.connection == name)
    return [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - SQLAlchemy's public name


def read(connection: Connection, ids: Collection[int]) -> list[dict[str, Any]]:
    """Dead letters by id, whatever their state."""
    statement = sa.select(dead).where(dead.c.id.in_(list(ids))).order_by(dead.c.id)
    return [dict(row._mapping) for row in connection.execute(statement)]  # noqa: SLF001 - as above


@frozen(kw_only=True)
class Cause:
    """Open dead letters of one connection with one cause.

    Attributes:
        message: Of one of them, with `*` for ids and numbers.
        ids: The oldest few.
        since: When the oldest was buried, in microseconds.
    """

    connection: str
    what: str
    error: str
    message: str
    count: int
    ids: tuple[int, ...]
    since: int


def causes(connection: Connection, name: str | None = None) -> list[Cause]:
    """Every open dead letter by its cause, the most frequent first; letters are read one by one, never kept."""
    columns = (dead.c.id, dead.c.connection, dead.c.what, dead.c.error, dead.c.message, dead.c.at)
    statement = sa.select(*columns).where(dead.c.state == "open").order_by(dead.c.id)
    if name is not None:
        statement = statement.where(dead.c.connection == name)
    found: dict[tuple[str, ...], Cause] = {}
    for row in connection.execution_options(yield_per=1000).execute(statement):
        key = (row.connection, row.what, row.error, _without_ids(row.message))
        known = found.get(key)
        if known is None:
            one = {"connection": key[0], "what": key[1], "error": key[2], "message": key[3]}
            found[key] = Cause(**one, count=1, ids=(row.id,), since=row.at)
            continue
        ids = (*known.ids, row.id) if len(known.ids) < _MOST_IDS else known.ids
        found[key] = evolve(known, count=known.count + 1, ids=ids)
    return sorted(found.values(), key=lambda cause: (-cause.count, cause.since))


_MOST_IDS = 20
_ID = re.compile(r"[^\s;,()]*\d[^\s;,()]*|\b[pi][a-z2-7]{26}\b")


def _without_ids(message: str) -> str:
    """What is left of a message when everything with a digit in it is a `*`: the same for one cause."""
    return _ID.sub("*", message)


def lineage(connection: Connection, letter: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The earlier letters about the same thing, oldest first: how often it was replayed, and how it failed then."""
    statement = sa.select(dead).where(
        dead.c.what == letter["what"],
        dead.c.ref_id == letter["ref_id"],
        dead.c.leaf == letter["leaf"],
        dead.c.id < letter["id"],
    )
    return [dict(row._mapping) for row in connection.execute(statement.order_by(dead.c.id))]  # noqa: SLF001 - as above


@frozen(kw_only=True)
class Replayable:
    """What a replay would take of the open dead letters.

    Attributes:
        letters: The oldest, as `listed` gives them.
        left: How many more there are that it would take another time.
        unsure: Ids of messages that may have gone out: only a person's word sends those again.
        worn_out: Ids of what was replayed often, and failed each time.
    """

    letters: Sequence[dict[str, Any]]
    left: int
    unsure: Sequence[int]
    worn_out: Sequence[int]


def replayable(connection: Connection, *, most: int, tries: int | None, name: str | None = None) -> Replayable:
    """What may be replayed without being named, of one connection or (None) of all.

    Args:
        most: So many letters are read.
        tries: What was replayed so often is left out; None: nothing is.
    """
    unsure = sa.and_(dead.c.what == "command", dead.c.error.startswith("OutcomeUnknownError"))
    worn_out = sa.and_(~unsure, _tries() >= tries) if tries is not None else sa.false()
    rest = sa.and_(~unsure, _tries() < tries) if tries is not None else ~unsure
    mine = (dead.c.state == "open", *(() if name is None else (dead.c.connection == name,)))
    found = connection.execute(sa.select(dead).where(*mine, rest).order_by(dead.c.id).limit(most)).mappings()
    letters = [dict(row) for row in found]
    count = connection.execute(sa.select(sa.func.count()).select_from(dead).where(*mine, rest)).scalar_one()
    return Replayable(
        letters=letters,
        left=count - len(letters),
        unsure=_ids(connection, *mine, unsure),
        worn_out=_ids(connection, *mine, worn_out),
    )


def _ids(connection: Connection, *where: sa.ColumnElement[bool]) -> list[int]:
    return list(connection.execute(sa.select(dead.c.id).where(*where).order_by(dead.c.id)).scalars())


def worn_out(connection: Connection, ids: Collection[int], tries: int) -> list[int]:
    """Those of these letters about what was replayed `tries` times or more, and failed each time."""
    return _ids(connection, dead.c.id.in_(list(ids)), _tries() >= tries)


def _tries() -> sa.ScalarSelect[int]:
    """How often what a letter is about was replayed before."""
    before = dead.alias("before")
    return (
        sa.select(sa.func.count())
        .select_from(before)
        .where(before.c.what == dead.c.what, before.c.ref_id == dead.c.ref_id, before.c.leaf == dead.c.leaf)
        .where(before.c.state == "replayed")
        .scalar_subquery()
    )


def open_leaves(connection: Connection, raw_ids: Collection[int]) -> dict[int, Counter[str]]:
    """How many dead letters each leaf of these raws has, by raw; leaves without a place of their own share one."""
    if not raw_ids:
        return {}
    statement = sa.select(dead.c.ref_id, dead.c.leaf).where(
        dead.c.what == "leaf", dead.c.ref_id.in_(list(raw_ids)), dead.c.state == "open"
    )
    found: dict[int, Counter[str]] = {}
    for row in connection.execute(statement):
        found.setdefault(row.ref_id, Counter())[row.leaf] += 1
    return found


def close(connection: Connection, what: str, ref_ids: Collection[int]) -> None:
    """Mark the dead letters of these rows as replayed."""
    if ref_ids:
        connection.execute(
            sa.update(dead)
            .where(dead.c.what == what, dead.c.ref_id.in_(list(ref_ids)), dead.c.state == "open")
            .values(state="replayed")
        )
