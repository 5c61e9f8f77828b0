"""What customers want to be sent: the newest word of each address, on each channel, for each purpose."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Literal

import sqlalchemy as sa
from attrs import define
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.rows import Among, selecting
from crocevia.store.tables import consents

State = Literal["granted", "withdrawn"]
Key = tuple[str, str, str]


@define(kw_only=True)
class ConsentRow:
    """One word. `channel`: kind of the connector; `purpose`: all or marketing; `source`: keyword, channel or send."""

    id: int
    profile_id: int
    address: str
    channel: str
    purpose: str
    state: State
    at: int
    connection: str
    source: str
    evidence: str = ""

    @property
    def key(self) -> Key:
        """What there is one word on."""
        return self.address, self.channel, self.purpose

    def stands_over(self, other: ConsentRow) -> bool:
        """Whether it is the newer word; of two at once the one that withdraws."""
        return (self.at, self.state == "withdrawn") > (other.at, other.state == "withdrawn")


def of_addresses(connection: Connection, addresses: Collection[str]) -> list[ConsentRow]:
    """Every word on these addresses."""
    return [ConsentRow(**_named(row)) for row in _OF_ADDRESSES.rows(connection, addresses)]


def of_profiles(connection: Connection, ids: Collection[int]) -> list[ConsentRow]:
    """Every word of these customers, by row id."""
    return [ConsentRow(**_named(row)) for row in _OF_PROFILES.rows(connection, ids)]


def save(store: Store, connection: Connection, rows: Iterable[ConsentRow]) -> None:
    """Write words down; where another process has written a newer one meanwhile, that stands."""
    values = [{name: getattr(row, name) for name in _COLUMNS} for row in rows]
    if not values:
        return
    insert = store.insert(consents)
    new = insert.excluded
    newer = sa.or_(
        new.at > consents.c.at,
        sa.and_(new.at == consents.c.at, new.state == "withdrawn", consents.c.state != new.state),
    )
    kept = {name: new[name] for name in _COLUMNS if name not in ("id", *_KEY)}
    connection.execute(insert.on_conflict_do_update(index_elements=_KEY, set_=kept, where=newer), values)


def move(connection: Connection, old: int, new: int, addresses: Collection[str] | None = None) -> None:
    """Let one customer's words be another's; only those on some addresses, where those are given."""
    statement = sa.update(consents).where(consents.c.profile_id == old).values(profile_id=new)
    if addresses is not None:
        statement = statement.where(consents.c.address.in_(sorted(addresses)))
    connection.execute(statement)


def rename(store: Store, connection: Connection, forms: Sequence[tuple[str, str]]) -> None:
    """Bring words to the forms that addresses have today: `(old, new)`; what is said on both, the newer word."""
    today: Mapping[str, str] = dict(forms)
    rows = of_addresses(connection, today)
    connection.execute(sa.delete(consents).where(consents.c.id.in_([row.id for row in rows])))
    for row in rows:
        row.address = today[row.address]
    save(store, connection, rows)


_KEY = ("address", "channel", "purpose")
_COLUMNS = tuple(column.name for column in consents.c)
_OF_ADDRESSES = Among(selecting(consents) + " WHERE address {among}")
_OF_PROFILES = Among(selecting(consents) + " WHERE profile_id {among} ORDER BY id")


def _named(row: Any) -> dict[str, Any]:
    return dict(zip(_COLUMNS, row, strict=True))
