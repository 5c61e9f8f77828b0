"""Hands on a simulated org: seed and change records as people do, set the clock, plan faults, read the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import frozen

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.clock import Clock
from crocevia_salesforce.simulator.dml import deletes, saves
from crocevia_salesforce.simulator.dml.convert import Converted, convert_lead
from crocevia_salesforce.simulator.ledger import CALLS, MUTATIONS
from crocevia_salesforce.simulator.org import Org
from crocevia_salesforce.simulator.schema import SObject


@frozen
class Administration:
    """What a test, a demo or the admin addresses do to an org. Changes are the CRM user's (``by: user``)."""

    org: Org

    @property
    def clock(self) -> Clock:
        """The org's clock."""
        return self.org.clock

    def _object(self, name: str) -> SObject:
        sobject = self.org.schema.get(name)
        if sobject is None:
            raise KeyError(f"the simulated org has no object {name}")
        return sobject

    def create(self, object_name: str, records: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> list[str]:
        """Create records and return their ids.

        Raises:
            ApiError: The org refuses one; none is created.
        """
        given = [records] if isinstance(records, Mapping) else list(records)
        with self.org.saving(self.org.user_actor) as work:
            return [saves.create(work, self._object(object_name), record) for record in given]

    def update(self, object_name: str, record_id: str, values_: Mapping[str, Any]) -> None:
        """Change one record."""
        with self.org.saving(self.org.user_actor) as work:
            saves.update(work, self._object(object_name), record_id, values_)

    def delete(self, object_name: str, *record_ids: str) -> None:
        """Delete records."""
        with self.org.saving(self.org.user_actor) as work:
            for record_id in record_ids:
                deletes.delete(work, self._object(object_name), record_id)

    def undelete(self, object_name: str, record_id: str) -> None:
        """Take a record out of the recycle bin."""
        with self.org.saving(self.org.user_actor) as work:
            deletes.undelete(work, self._object(object_name), record_id)

    def merge(self, object_name: str, master_id: str, *loser_ids: str) -> list[str]:
        """Merge records into a master; return the ids of the children that moved."""
        with self.org.saving(self.org.user_actor) as work:
            return deletes.merge(work, self._object(object_name), master_id, loser_ids)

    def convert_lead(self, lead_id: str, status: str = "Closed - Converted", **more: str) -> Converted:
        """Convert a lead; ``account_id``, ``contact_id`` and ``opportunity`` as ``convert_lead`` takes them."""
        with self.org.saving(self.org.user_actor) as work:
            return convert_lead(work, lead_id, status, **more)

    def purge(self, object_name: str, record_id: str) -> None:
        """Take a deleted record out of the recycle bin for good: no query finds it any more."""
        with self.org.saving(self.org.user_actor) as work:
            deletes.purge(work, self._object(object_name), record_id)

    def record(self, object_name: str, record_id: str) -> dict[str, Any] | None:
        """Return a record's fields, deleted or not, as REST would show them; None when there is none."""
        sobject = self._object(object_name)
        with self.org.lock:
            row = self.org.database.row(sobject, record_id)
        return row and {
            field.name: values.to_json(field, row[field.name]) for field in sobject.fields.values() if field.is_stored
        }

    def query(self, soql: str) -> list[dict[str, Any]]:
        """Return what a statement selects, with the whole schema in view, one page at most."""
        with self.org.lock:
            return self.org.runner.query(self.org.schema, soql, "60.0").records

    def count(self, object_name: str) -> int:
        """Return how many living records an object has."""
        sobject = self._object(object_name)
        with self.org.lock:
            return int(self.org.database.one(f'SELECT COUNT(*) FROM "{sobject.name}" WHERE "IsDeleted" = 0')[0])

    def mutations(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the committed mutations, in order, those after a ``seq`` only."""
        with self.org.lock:
            return list(self.org.ledger.lines(MUTATIONS, after))

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        """Return the HTTP calls, in order, those after a ``seq`` only."""
        with self.org.lock:
            return list(self.org.ledger.lines(CALLS, after))

    def fault(self, kind: str, route: str = "", **more: Any) -> None:
        """Plan a fault; see ``FaultRule`` for what can be said."""
        with self.org.lock:
            self.org.faults.add({"kind": kind, "route": route, **more})

    def set_faults(self, rules: Sequence[Mapping[str, Any]] = ()) -> None:
        """Put these faults in the place of all others; none heals the org."""
        with self.org.lock:
            self.org.faults.replace(rules)

    def set_rules(self, rules: Mapping[str, Any]) -> None:
        """Put validation rules, flows, duplicate rules and field-level security in force."""
        with self.org.lock:
            self.org.set_rules(rules)

    def set_clock(self, moment: datetime) -> None:
        """Stop the clock at a moment."""
        self.org.clock.set(moment)

    def advance(self, by: timedelta) -> None:
        """Move the clock forward."""
        self.org.clock.advance(by)

    def expire_sessions(self) -> None:
        """End all access tokens."""
        with self.org.lock:
            self.org.sessions.end()
