"""What is known of each connection beside its settings: running, paused, unhealthy, and what is held back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa
from attrs import field, frozen
from sqlalchemy.engine import Connection

from crocevia.store.database import Store
from crocevia.store.json import dumps, loads
from crocevia.store.tables import connections

RUNNING = "running"


@frozen(kw_only=True)
class ConnectionRow:
    """One connection, as its lane last said.

    Attributes:
        state: running, paused or unhealthy; `reason` says why.
        last_in_at: When something came in, in microseconds; None: never. `last_out_at`: when something was written.
        flow: What is held back: `breakers` by operation, `budget` of calls; empty when nothing is.
    """

    name: str
    state: str = RUNNING
    reason: str = ""
    changed_at: int = 0
    last_in_at: int | None = None
    last_out_at: int | None = None
    flow: Mapping[str, Any] = field(factory=dict)

    @property
    def held(self) -> str:
        """What is held back, and how the budget of calls stands, in words; "" when there is nothing to say."""
        flow = self.flow
        said = [f"{operation}: {state}" for operation, state in flow.get("breakers", {}).items()]
        said += [f"{scope} is throttled" for scope in flow.get("throttled", ())]
        if flow.get("deferred"):
            said.append(f"{', '.join(flow['deferred'])} waits for the budget of calls")
        if budget := flow.get("budget"):
            until = f", at this rate until {budget['spent_at'][:16]}Z" if budget["spent_at"] else ""
            said.append(f"{budget['left']} of {budget['allowance']} calls left{until}")
        return "; ".join(said)


def read(connection: Connection, name: str) -> ConnectionRow:
    """The row of a connection; a running one for a new name."""
    row = connection.execute(_READ, {"name_": name}).one_or_none()
    if row is None:
        return ConnectionRow(name=name)
    kept = dict(row._mapping)  # noqa: SLF001 - SQLAlchemy's public name
    return ConnectionRow(**{**kept, "flow": loads(row.flow) if row.flow else {}})


def write(store: Store, connection: Connection, name: str, **values: Any) -> None:
    """Set some of a connection's columns; `flow` as a mapping."""
    if "flow" in values:
        values["flow"] = dumps(values["flow"]) if values["flow"] else None
    first = {"state": RUNNING, "reason": "", "changed_at": 0, **values}
    statement = store.insert(connections).values(name=name, **first)
    connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))


_READ = sa.select(connections).where(connections.c.name == sa.bindparam("name_"))
