"""Records that a CRM is to merge or delete, where its connection opts in: commands, each carried out once.

Neither does harm when it is asked for twice, and a look tells whether it happened: what may have happened is looked
up before it is done again. So nothing is ever parked as unknown.
"""

from __future__ import annotations

from typing import Any

import structlog
from attrs import define, field

from crocevia import faults
from crocevia.connector import MergesRecords, ReadsRecords, WritesRecords
from crocevia.errors import AuthError, GoneError, OutcomeUnknownError, RejectedError, RemoteError
from crocevia.model import Write, Written
from crocevia.store import bindings, commands, dead
from crocevia.store.bindings import BindingRow
from crocevia.store.commands import CommandRow
from crocevia.store.dead import DeadLetter
from crocevia.store.ids import RowIds
from crocevia.store.leases import Lease, fence, sure
from crocevia.sync.batch import Batch
from crocevia.sync.gate import READ
from crocevia.sync.governor import NOTHING
from crocevia.sync.rebind import MERGE
from crocevia.sync.retry import MOST_ATTEMPTS, Budget, step
from crocevia.sync.world import Live, World

DELETE = "delete"
VERBS = (MERGE, DELETE)
MOST_AT_ONCE = 20
_US = 1_000_000
_STATES = {"retry": "pending", "pause": "pending", "unknown": "pending", "look": "pending", "refuse": "refused"}
_log = structlog.get_logger("crocevia.retire")


@define
class Retire:
    """Merges and deletes records on one connection."""

    world: World
    live: Live
    lease: Lease | None = None
    budget: Budget = field(factory=Budget)

    def run(self) -> int:
        """Do what is due, oldest first; return how many commands were dealt with.

        Raises:
            AuthError: nothing goes on this connection now.
            StoreError: an outcome could not be kept; it is looked up at the next turn.
        """
        with self.world.store.reading() as connection:
            left = commands.claimed(connection, self.live.name, VERBS)  # by a worker that died: only we are here
            rows = commands.due(connection, self.live.name, self.world.now_us(), MOST_AT_ONCE, VERBS)
        done = 0
        for row in (*left, *rows):
            if self.live.gate.allows(self._operation(row)) == NOTHING or self.live.gate.allows(READ) == NOTHING:
                break
            self._one(row)
            done += 1
        return done

    def _operation(self, row: CommandRow) -> str:
        return f"{row.verb} {row.payload['object']}"

    def _one(self, row: CommandRow) -> None:
        sure(self.world.store, self.lease, self.world.now_us())
        if row.state == "claimed" or row.error == OutcomeUnknownError.__name__:
            outcome = self._looked_up(row)
            if outcome is None or isinstance(outcome, RemoteError):
                self._finish(row, outcome)
                return
        row.state = "claimed"
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            commands.save(connection, [row])
        faults.reach("retire.claimed")
        sure(self.world.store, self.lease, self.world.now_us())
        outcome = self._call(row)
        faults.reach("retire.called")
        if isinstance(outcome, GoneError):
            found = self._looked_up(row)
            told = f"{self.live.name}: {row.payload['object']} {row.payload.get('into')} is gone: nothing to merge into"
            outcome = RejectedError(told, code="GONE") if found is True else found
        self._finish(row, outcome if isinstance(outcome, RemoteError) else None)

    def _looked_up(self, row: CommandRow) -> RemoteError | bool | None:
        """None: the record is gone, so it was done. True: it is still there."""
        reader = self.live.connector
        if not isinstance(reader, ReadsRecords):
            return True
        object_name, remote_id = row.payload["object"], row.payload["id"]
        mapping = self.live.mappings.get(object_name)
        try:
            with self.live.gate.call(READ):
                found = reader.fetch(object_name, [remote_id], () if mapping is None else mapping.remote_fields)
        except RemoteError as error:
            return OutcomeUnknownError(f"{row.uid}: {error}") if not isinstance(error, AuthError) else error
        return True if any(record.id == remote_id for record in found) else None

    def _call(self, row: CommandRow) -> RemoteError | None:
        """Make the call; None: it took effect."""
        vendor, payload = self.live.connector, row.payload
        try:
            with self.live.gate.call(self._operation(row)):
                if row.verb == MERGE and isinstance(vendor, MergesRecords):
                    vendor.merge(payload["object"], payload["into"], [payload["id"]])
                    return None
                if row.verb == DELETE and isinstance(vendor, WritesRecords):
                    write = Write(object=payload["object"], operation="delete", key=row.uid, id=payload["id"])
                    [outcome] = vendor.write([write])
                    return None if isinstance(outcome, Written) else outcome
        except RemoteError as error:
            return error
        except Exception as error:  # noqa: BLE001 - a connector's bug: nobody knows whether it happened
            told = f"{self.live.name}: the connector failed ({type(error).__name__}) in {row.verb} {row.uid}"
            return OutcomeUnknownError(told)
        told = f"{self.live.name}: this connector cannot {row.verb} records"
        return RejectedError(told)

    def _finish(self, row: CommandRow, outcome: RemoteError | None) -> None:
        """Commit what came of it, on the command and on the record's binding."""
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            ids = RowIds(connection, block=2)
            ids.wait_turn()
            row.changed_at = self.world.now_us()
            if outcome is None:
                row.state, row.error, row.answer = "done", None, {}
                bindings.save(connection, _gone(bindings.load(connection, [row.payload["binding"]]), row))
                self.budget.earn(1)
            else:
                self._failed(row, outcome)
                if row.state == "dead":
                    dead.bury(connection, ids, [_letter(row, outcome)], row.changed_at)
            commands.save(connection, [row])
            faults.reach("retire.before_record")
        faults.reach("retire.recorded")
        if isinstance(outcome, AuthError):
            raise outcome

    def _failed(self, row: CommandRow, error: RemoteError) -> None:
        taken = step(error, row.attempts, self.world.random, self.budget)
        row.error = type(error).__name__
        row.due_at = row.changed_at + int(taken.after.total_seconds() * _US)
        row.attempts += taken.counts
        row.state = _STATES.get(taken.next, "dead") if row.attempts < MOST_ATTEMPTS else "dead"


def _gone(rows: list[BindingRow], row: CommandRow) -> list[BindingRow]:
    """The binding of a record that is no more, unless it has become another record's meanwhile."""
    found = [one for one in rows if one.remote_id == row.payload["id"]]
    for one in found:
        one.state, one.error = "gone", None
    return found


def _letter(row: CommandRow, error: RemoteError) -> DeadLetter:
    return DeadLetter(
        connection=row.connection,
        what="command",
        ref_id=row.id,
        profile_id=row.profile_id,
        error=type(error).__name__ + (f" {error.code}" if error.code else ""),
        message=f"{row.verb} of {row.payload['object']} {row.payload['id']}: {error}",
    )


def delete_elsewhere(batch: Batch, row: BindingRow) -> None:
    """A customer's record was deleted in one CRM: delete his records where the connections opt in."""
    takers = {name for name, live in batch.world.lives.items() if live.deletes and name != row.connection}
    if not takers:
        return
    for other in bindings.of_subjects(batch.transaction, "profile", [row.subject_id]):
        if other.connection in takers and other.remote_id is not None and other.state == "linked":
            batch.commands.append(_deletion(batch, other))


def _deletion(batch: Batch, row: BindingRow) -> CommandRow:
    number = next(batch.ids)
    payload: dict[str, Any] = {"object": row.object, "id": row.remote_id, "binding": row.id}
    return CommandRow(
        id=number,
        uid=f"d{number}",
        connection=row.connection,
        verb=DELETE,
        profile_id=row.profile_id,
        payload=payload,
        created_at=batch.now,
        changed_at=batch.now,
    )


def keep_elsewhere(batch: Batch, row: BindingRow) -> None:
    """The record is back: what was not deleted elsewhere yet stays."""
    waiting = commands.open_of_profile(batch.transaction, row.profile_id, DELETE)
    for one in waiting:
        one.state, one.error, one.changed_at = "refused", "withdrawn", batch.now
    commands.save(batch.transaction, waiting)
