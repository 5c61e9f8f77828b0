"""What a plan would do, kept in its scratch store: bounded memory, whatever the number of records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen
from sqlalchemy.engine import Connection

from crocevia.store.json import dumps, loads
from crocevia.store.tables import bindings, commands, counters, profiles, reviews

_own = sa.MetaData()
planned = sa.Table(
    "planned",
    _own,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("connection", sa.Text, nullable=False),
    sa.Column("object", sa.Text, nullable=False),
    sa.Column("operation", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("remote_id", sa.Text),
    sa.Column("fields", sa.Text, nullable=False),
    sa.UniqueConstraint("connection", "object", "key"),
)
"""`fields`: `{remote field: [before, after]}`. One row a record, however many writes it would take."""
unlinked = sa.Table("unlinked", _own, sa.Column("id", sa.Integer, primary_key=True))
"""Bindings that had no remote record when the plan began."""

PLANNED = "planned:"
"""How a remote id begins that a record would only get by the plan's own create."""


@frozen(kw_only=True)
class Change:
    """One thing that would happen on a connection.

    Attributes:
        operation: create, update, delete, merge, send; link (a record that is there is taken for a customer's); review
            (a person is asked).
        ours: Our external id; None for a customer whom the plan itself makes: it would get another each time.
        remote_id: None where there is none yet.
        fields: `{remote field: (before, after)}`; for a review what to choose between, as (None, value).
    """

    connection: str
    object: str
    operation: str
    ours: str | None
    remote_id: str | None
    fields: Mapping[str, tuple[Any, Any]]


def begin(connection: Connection) -> int:
    """Make a scratch store ready: everything that waits is due now. Returns the first row id that the plan gives."""
    _own.create_all(connection)
    connection.execute(sa.insert(unlinked).from_select(["id"], sa.select(bindings.c.id).where(_no_record())))
    connection.execute(sa.update(bindings).where(bindings.c.due_at > 0).values(due_at=0))
    connection.execute(sa.update(commands).where(commands.c.due_at > 0).values(due_at=0))
    first: int = connection.execute(sa.select(counters.c.next).where(counters.c.name == "row")).scalar_one()
    return first


def _no_record() -> sa.ColumnElement[bool]:
    return bindings.c.remote_id.is_(None)


def add(connection: Connection, changes: Sequence[Change]) -> None:
    """Keep changes; what is added to a record again is one change with what it was at first and would be at last."""
    statement = sa.select(planned).where(planned.c.key.in_([_key(change) for change in changes]))
    before = {(row.connection, row.object, row.key): row for row in connection.execute(statement)}
    for change in changes:
        known = before.get((change.connection, change.object, _key(change)))
        if known is None:
            values: dict[str, Any] = {"connection": change.connection, "object": change.object}
            values |= {"operation": change.operation, "key": _key(change), "remote_id": change.remote_id}
            values["fields"] = dumps(dict(change.fields))
            connection.execute(sa.insert(planned).values(values))
            continue
        fields = loads(known.fields)
        for name, (was, then) in change.fields.items():
            fields[name] = [fields[name][0] if name in fields else was, then]
        connection.execute(sa.update(planned).where(planned.c.id == known.id).values(fields=dumps(fields)))


def _key(change: Change) -> str:
    """What a change is about: our record, or for a record that goes, theirs."""
    return change.ours or f"{change.operation} {change.remote_id}"


def counts(connection: Connection, first: int) -> dict[tuple[str, str, str], int]:
    """How many changes there are by `(connection, object, operation)`, in order."""
    found = {
        (row[0], row[1], row[2]): row[3]
        for row in connection.execute(
            sa.select(planned.c.connection, planned.c.object, planned.c.operation, sa.func.count()).group_by(
                planned.c.connection, planned.c.object, planned.c.operation
            )
        )
    }
    links = sa.select(bindings.c.connection, bindings.c.object, sa.func.count()).where(_linked(first))
    for name, object_name, n in connection.execute(links.group_by(bindings.c.connection, bindings.c.object)):
        found[name, object_name, "link"] = n
    asked = sa.select(reviews.c.connection, reviews.c.kind, sa.func.count()).where(reviews.c.id >= first)
    for name, kind, n in connection.execute(asked.group_by(reviews.c.connection, reviews.c.kind)):
        found[name, kind, "review"] = n
    return dict(sorted(found.items()))


def new_profiles(connection: Connection, first: int) -> int:
    """How many customers the plan would add."""
    statement = sa.select(sa.func.count()).select_from(profiles).where(profiles.c.id >= first)
    return int(connection.execute(statement).scalar_one())


def details(connection: Connection, first: int, name: str | None = None) -> Iterator[Change]:
    """Every change, of one connection or (None) of all: by connection, object and operation, then as it came about.

    Rows are read as they are asked for, never all at once.
    """
    for where, object_name, operation in counts(connection, first):
        if name not in (None, where):
            continue
        if operation == "link":
            yield from _links(connection, first, where, object_name)
        elif operation == "review":
            yield from _reviews(connection, first, where, object_name)
        else:
            yield from _writes(connection, first, where, object_name, operation)


def _writes(connection: Connection, first: int, name: str, object_name: str, operation: str) -> Iterator[Change]:
    statement = (
        sa.select(planned, profiles.c.id.label("profile"))
        .outerjoin(profiles, profiles.c.uid == planned.c.key)
        .where(planned.c.connection == name, planned.c.object == object_name, planned.c.operation == operation)
        .order_by(planned.c.id)
    )
    for row in _streamed(connection, statement):
        new = row.profile is not None and row.profile >= first
        fields = {field: _without_id(pair, row.key if new else None) for field, pair in loads(row.fields).items()}
        remote_id = None if (row.remote_id or PLANNED).startswith(PLANNED) else row.remote_id
        yield Change(
            connection=name,
            object=object_name,
            operation=operation,
            ours=None if new or row.key == f"{operation} {row.remote_id}" else row.key,
            remote_id=remote_id,
            fields=fields,
        )


def _without_id(pair: Sequence[Any], key: str | None) -> tuple[Any, Any]:
    """Ids that the plan made up are told as what they are: they would be others."""
    before, after = (_told(value, key) for value in pair)
    return before, after


def _told(value: Any, key: str | None) -> Any:
    if value is not None and value == key:
        return "(a new id of ours)"
    return "(the record to be made)" if isinstance(value, str) and value.startswith(PLANNED) else value


def _links(connection: Connection, first: int, name: str, object_name: str) -> Iterator[Change]:
    statement = (
        sa.select(bindings.c.remote_id, profiles.c.uid, profiles.c.id)
        .join(profiles, profiles.c.id == bindings.c.subject_id)
        .where(_linked(first), bindings.c.connection == name, bindings.c.object == object_name)
        .order_by(bindings.c.id)
    )
    for row in _streamed(connection, statement):
        ours = None if row.id >= first else row.uid
        yield Change(
            connection=name, object=object_name, operation="link", ours=ours, remote_id=row.remote_id, fields={}
        )


def _linked(first: int) -> sa.ColumnElement[bool]:
    """Customers' records that were there and were nobody's: `unlinked` before, or bound by the plan."""
    was_free = sa.or_(bindings.c.id >= first, bindings.c.id.in_(sa.select(unlinked.c.id)))
    there = sa.and_(bindings.c.remote_id.is_not(None), bindings.c.remote_id.not_like(f"{PLANNED}%"))
    return sa.and_(bindings.c.of == "profile", there, was_free)


def _reviews(connection: Connection, first: int, name: str, kind: str) -> Iterator[Change]:
    statement = (
        sa.select(reviews)
        .where(reviews.c.id >= first, reviews.c.connection == name, reviews.c.kind == kind)
        .order_by(reviews.c.id)
    )
    for row in _streamed(connection, statement):
        data = loads(row.data)
        remote_id = data.pop("id", None)
        fields = {field: (None, _named(connection, first, value)) for field, value in data.items()}
        yield Change(connection=name, object=kind, operation="review", ours=None, remote_id=remote_id, fields=fields)


def _named(connection: Connection, first: int, value: Any) -> Any:
    """Customers whom the plan itself makes, by the record that they are made of: their ids would be others."""
    if isinstance(value, list):
        return [_named(connection, first, item) for item in value]
    if not isinstance(value, str):
        return value
    new = connection.execute(
        sa.select(profiles.c.id).where(profiles.c.uid == value, profiles.c.id >= first)
    ).scalar_one_or_none()
    if new is None:
        return value
    record = connection.execute(
        sa.select(bindings.c.connection, bindings.c.remote_id)
        .where(bindings.c.of == "profile", bindings.c.subject_id == new, bindings.c.remote_id.not_like(f"{PLANNED}%"))
        .order_by(bindings.c.id)
    ).first()
    return f"a new customer, {record.connection} {record.remote_id}" if record else "a new customer"


def _streamed(connection: Connection, statement: sa.Select[Any]) -> Iterator[Any]:
    return iter(connection.execution_options(yield_per=500).execute(statement))
