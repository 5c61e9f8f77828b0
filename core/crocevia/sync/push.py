"""Desired state to CRMs: what is wanted is computed at send time as encode(canonical) - seen; written in batches."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from attrs import define, evolve, field, frozen

from crocevia import faults
from crocevia.connector import WritesRecords
from crocevia.errors import (
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
    UnderwayError,
)
from crocevia.mapping.object import ObjectMapping
from crocevia.model import Outcome, Write, Written
from crocevia.store import bindings, connections, dead
from crocevia.store.bindings import BACKFILL, INTERACTIVE, LIVE, BindingRow
from crocevia.store.dead import DeadLetter
from crocevia.store.ids import RowIds
from crocevia.store.leases import Lease, fence, sure
from crocevia.sync import desired, lookup
from crocevia.sync.gate import READ
from crocevia.sync.governor import NOTHING
from crocevia.sync.retry import Budget, Step, step
from crocevia.sync.unfit import Unfit, ask_about_unfit
from crocevia.sync.world import Live, World

_US = 1_000_000


@frozen
class Wanted:
    """One binding, what it should hold, and the write that makes it so."""

    row: BindingRow
    write: Write


@frozen(kw_only=True)
class Terms:
    """What may be written now: so many records, by creating or by updating, from one urgency to another."""

    most: int
    creating: bool
    updating: bool
    urgency: int
    most_urgent: int = INTERACTIVE


@define
class Push:
    """Pushes to one connection; `budget` is its share of retries.

    Attributes:
        down: Why a whole call failed without any effect: the connection waits, its records have lost no try.
    """

    world: World
    live: Live
    lease: Lease | None = None
    budget: Budget = field(factory=Budget)
    down: RetryableError | None = field(default=None, init=False)
    _unfit: list[Unfit] = field(factory=list, init=False)
    _as_read: dict[int, BindingRow] = field(factory=dict, init=False)
    _put_off: bool = field(default=False, init=False)

    def run(self, *, creating: bool) -> int:
        """Write what is wanted and due, profiles before interactions; return how many bindings were dealt with.

        Args:
            creating: Whether records may be created: not before the baseline is complete.

        Raises:
            RemoteError: the whole call failed in a way that concerns the connection (AuthError, ThrottledError).
            StoreError: the store cannot take the outcome; the claimed writes are made again, under the same keys.
        """
        done = 0
        for of in ("profile", "interaction"):
            for mapping in self.live.mappings_of(of):
                for terms in self._terms(mapping, creating=creating):
                    done += self._run_of(mapping, terms)
                    if self._put_off:
                        self._put_off = False
                        done += self._run_of(mapping, evolve(terms, most_urgent=BACKFILL))
        return done

    def _terms(self, mapping: ObjectMapping, *, creating: bool) -> list[Terms]:
        """What the gate lets through now; what is to find out whether the CRM is well again goes alone and is small."""
        writer, gate = self.live.connector, self.live.gate
        if not isinstance(writer, WritesRecords):
            return []
        create, update = f"create {mapping.object}", f"update {mapping.object}"
        reading = gate.allows(READ) > NOTHING
        most = LIVE if self._is_underway(mapping.object, writer, reading=reading) else BACKFILL
        allowed = {
            create: min(most, gate.allows(create)) if creating and (reading or mapping.of != "profile") else NOTHING,
            update: min(most, gate.allows(update)) if reading or self.live.options.guard != "read" else NOTHING,
        }
        open_ = [name for name, urgency in allowed.items() if urgency > NOTHING]
        if not any(map(gate.probing, open_)):
            most, urgency = writer.write_limit, max(allowed.values())
            both = Terms(most=most, creating=create in open_, updating=update in open_, urgency=urgency)
            return [both] if open_ else []
        return [
            Terms(
                most=1 if gate.probing(name) else writer.write_limit,
                creating=name == create,
                updating=name == update,
                urgency=allowed[name],
            )
            for name in open_
        ]

    def _is_underway(self, object_name: str, writer: WritesRecords, *, reading: bool) -> bool:
        """Whether the vendor still works off a batch of the object: what can wait does so, the rest goes on."""
        underway, clock = self.live.underway, self.world.clock
        if object_name in underway and reading and clock.monotonic_s() >= underway[object_name]:
            with self.live.gate.call(READ):
                again = writer.underway(object_name)
            if again is None:
                del underway[object_name]
            else:
                underway[object_name] = clock.monotonic_s() + again.total_seconds()
        return object_name in underway

    def _run_of(self, mapping: ObjectMapping, terms: Terms) -> int:
        writer = self.live.connector
        if not isinstance(writer, WritesRecords):
            return 0
        wanted, settled = self._read(mapping, terms)
        if self.live.gate.allows(READ) == NOTHING:
            # what may have happened is looked up first, and that has to wait
            wanted = [one for one in wanted if one.row.claimed is None or not lookup.can_ask(self.live, one.row)]
        elif lookup.look_first(self.world, self.live, mapping, wanted, self.lease):
            # what was heard may have changed anything: compute again, for those that were looked up
            looked_up = {one.row.id for one in wanted}
            wanted, settled = self._read(mapping, terms)
            wanted = [one for one in wanted if one.row.id in looked_up]
        claimed = self._claim(mapping, settled, wanted)
        if claimed:
            self._record(mapping, claimed, self._write(writer, [one.write for one in claimed]))
        return len(wanted) + len(settled)

    def _read(self, mapping: ObjectMapping, terms: Terms) -> tuple[list[Wanted], list[BindingRow]]:
        """What is pending now, as writes, and the rows that need none."""
        with self.world.store.reading() as connection:
            now = self.world.now_us()
            rows = bindings.pending(
                connection,
                self.live.name,
                mapping.of,
                now,
                terms.most,
                object_name=mapping.object,
                creating=terms.creating,
                updating=terms.updating,
                urgency=terms.urgency,
            )
            rows = self._of_one_urgency(rows, terms)
            self._as_read = {row.id: evolve(row) for row in rows}
            return self._wanted(connection, mapping, rows) if rows else ([], [])

    def _of_one_urgency(self, rows: list[BindingRow], terms: Terms) -> list[BindingRow]:
        """What is urgent goes by itself: a batch with what can wait may become a job that takes hours."""
        rows = [row for row in rows if row.urgency >= terms.most_urgent]
        urgent = [row for row in rows if row.urgency < BACKFILL]
        self._put_off = 0 < len(urgent) < len(rows)
        return urgent or rows

    # --- what to write ----------------------------------------------------------------------------------------------

    def _wanted(
        self, connection: Any, mapping: ObjectMapping, rows: Sequence[BindingRow]
    ) -> tuple[list[Wanted], list[BindingRow]]:
        """The writes to make, and the rows that need none (they are settled in memory, to be saved)."""
        records = desired.canonical(connection, self.live, mapping, rows)
        wanted: list[Wanted] = []
        settled: list[BindingRow] = []
        for row in rows:
            if row.claimed is not None and not self._repeatable(row):
                row.state, row.due_at, row.error = "unknown", self.world.now_us(), "OutcomeUnknownError"
                settled.append(row)
                continue
            found = records.get(row.subject_id)
            if found is None or (mapping.of == "interaction" and found[1].get("profile") is None):
                _wait(row)
                settled.append(row)
                continue
            if mapping.of == "profile" and (lenses := mapping.unwritable(found[1])):
                self._unfit.append(Unfit(row, lenses, *found))
            write = self._difference(mapping, row, *found)
            if write is None:
                row.applied, row.claimed, row.attempts, row.error = row.wanted, None, 0, None
                settled.append(row)
            else:
                wanted.append(Wanted(row, write))
        return wanted, settled

    def _difference(
        self, mapping: ObjectMapping, row: BindingRow, key: str, canonical: Mapping[str, Any]
    ) -> Write | None:
        """What the CRM should hold and does not; None when there is nothing to do."""
        values = desired.remote_values(self.world, self.live, mapping, canonical)
        left_out = {*row.held, *self.live.quarantined.get(mapping.object, ())}
        changed = mapping.differing(values, row.seen, left_out)
        if mapping.key and row.seen.get(mapping.key) != key:
            changed[mapping.key] = key
        if not changed and row.remote_id is not None:
            return None
        if mapping.revision and mapping.revision not in left_out:
            changed[mapping.revision] = row.wanted
        if row.remote_id is None:
            changed = {**mapping.constants, **{name: value for name, value in changed.items() if value is not None}}
            return Write(object=mapping.object, operation="upsert", key=key, values=changed)
        return Write(
            object=mapping.object, operation="update", key=key, id=row.remote_id, values=changed, version=row.version
        )

    def _repeatable(self, row: BindingRow) -> bool:
        """Whether a call that may have happened can be made again without doubling anything."""
        return row.remote_id is not None or bool(getattr(self.live.connector, "idempotent_upsert", False))

    @property
    def _findable(self) -> bool:
        """Whether a record that may have been made is found by our key, so that nobody has to look."""
        return self.live.keyed is not None

    def _interrupted(self, row: BindingRow) -> OutcomeUnknownError:
        told = f"{self.live.name}: a {row.object} may have been created (binding {row.id}); look there before a replay"
        return OutcomeUnknownError(told)

    # --- making the calls -------------------------------------------------------------------------------------------

    def _claim(
        self, mapping: ObjectMapping, settled: Sequence[BindingRow], wanted: Sequence[Wanted]
    ) -> Sequence[Wanted]:
        """Write down what is about to be called, and return it; nothing when the lane is not ours any more.

        What somebody has changed since it was read (a person who merges two customers) is left for the next look.
        """
        if not (settled or wanted):
            return []
        rows = [*settled, *(one.row for one in wanted)]
        for one in wanted:
            one.row.claimed = one.row.wanted
            if mapping.of == "profile":  # interactions are ours: nobody's edit is judged there
                one.row.writing = dict(one.write.values)
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            ids = RowIds(connection, block=1)
            ids.wait_turn()
            still = bindings.unmoved(connection, [self._as_read[row.id] for row in rows])
            settled = [row for row in settled if row.id in still]
            wanted = [one for one in wanted if one.row.id in still]
            bindings.save(connection, settled)
            parked = [row for row in settled if row.state == "unknown" and not self._findable]
            unknown = [_letter(row, self._interrupted(row)) for row in parked]
            dead.bury(connection, ids, unknown, self.world.now_us())
            bindings.claim(connection, [one.row for one in wanted])
            unfit = [one for one in self._unfit if one.row.id in still]
            ask_about_unfit(self.world.store, connection, ids, self.live.name, unfit, self.world.now_us())
        self._unfit.clear()
        faults.reach("push.claimed")
        return wanted

    def _write(self, writer: WritesRecords, batch: Sequence[Write]) -> list[Outcome]:
        """One outcome for each write. A call that is refused as a whole is halved until the poison is alone."""
        sure(self.world.store, self.lease, self.world.now_us())
        names = {"upsert": "create"}
        operations = {f"{names.get(write.operation, write.operation)} {write.object}": None for write in batch}
        try:
            with self.live.gate.call(*operations):
                outcomes = writer.write(batch)
        except RejectedError as error:
            return self._halved(writer, batch, error)
        except RemoteError as error:
            self.down = error if isinstance(error, RetryableError) else self.down
            outcomes = [error] * len(batch)
        except Exception as error:  # noqa: BLE001 - a connector's bug on one record must not stop the others
            name = type(error).__name__
            told = f"{self.live.name}: the connector failed ({name}) on {batch[0].key}; mend it, then replay"
            if any(write.operation == "upsert" for write in batch) and not writer.idempotent_upsert:
                return [OutcomeUnknownError(told, code=name)] * len(batch)
            return self._halved(writer, batch, RejectedError(told, code=name))
        faults.reach("push.called")
        if len(outcomes) != len(batch):
            unknown = OutcomeUnknownError(f"{self.live.name}: {len(batch)} writes got {len(outcomes)} outcomes")
            return [unknown] * len(batch)
        return list(outcomes)

    def _halved(self, writer: WritesRecords, batch: Sequence[Write], error: RejectedError) -> list[Outcome]:
        if len(batch) == 1:
            return [error]
        half = len(batch) // 2
        return [*self._write(writer, batch[:half]), *self._write(writer, batch[half:])]

    # --- what came of them ------------------------------------------------------------------------------------------

    def _record(self, mapping: ObjectMapping, wanted: Sequence[Wanted], outcomes: Sequence[Outcome]) -> None:
        """Commit the outcomes in one transaction."""
        letters: list[DeadLetter] = []
        looks: list[tuple[BindingRow, RemoteError]] = []
        linked: set[int] = set()
        failure: RemoteError | None = None
        if any(isinstance(outcome, UnderwayError) for outcome in outcomes):
            self.live.underway[mapping.object] = 0.0
        for one, outcome in zip(wanted, outcomes, strict=True):
            row = one.row
            if isinstance(outcome, Written):
                if row.remote_id is None and mapping.of == "profile":
                    linked.add(row.profile_id)
                _succeeded(row, one.write, outcome)
                continue
            taken = self._step(outcome, row)
            failure = self._failed(mapping, row, outcome, taken, letters) or failure
            if taken.next == "look" or (isinstance(outcome, GoneError) and outcome.survivor):
                looks.append((row, outcome))
        self.budget.earn(sum(isinstance(outcome, Written) for outcome in outcomes))
        with self.world.store.writing() as connection:
            if self.lease is not None:
                fence(connection, self.lease)
            ids = RowIds(connection, block=1 + len(letters))
            ids.wait_turn()
            bindings.record(connection, [one.row for one in wanted])
            bindings.unblock(connection, self.live.name, linked)
            dead.bury(connection, ids, letters, self.world.now_us())
            if any(isinstance(outcome, Written) for outcome in outcomes):
                connections.write(self.world.store, connection, self.live.name, last_out_at=self.world.now_us())
            faults.reach("push.before_record")
        faults.reach("push.recorded")
        if looks:
            lookup.after_refusal(self.world, self.live, mapping, looks, self.lease)
        if failure is not None:
            raise failure

    def _step(self, error: RemoteError, row: BindingRow) -> Step:
        if error is self.down:
            return Step("retry", self.down.after or timedelta(0), counts=False)
        return step(error, row.attempts, self.world.random, self.budget)

    def _failed(
        self, mapping: ObjectMapping, row: BindingRow, error: RemoteError, taken: Step, letters: list[DeadLetter]
    ) -> RemoteError | None:
        """Put a failure on its binding; return it when it concerns the whole connection."""
        if taken.next != "unknown":
            row.claimed = None
        row.error = type(error).__name__
        row.due_at = self.world.now_us() + int(taken.after.total_seconds() * _US)
        row.attempts += taken.counts
        match taken.next:
            case "pause":
                return error
            case "retry" if isinstance(error, UnderwayError):
                # what can wait is not read before it is done; the rest asks again by the clock
                row.due_at = row.due_at if row.urgency < BACKFILL else 0
            case "retry":
                return error if not taken.counts else None
            case "unknown":
                if not self._repeatable(row):
                    row.state, row.due_at = "unknown", self.world.now_us()
                    letters += [] if self._findable else [_letter(row, error)]
            case "gone":
                # deleted: nothing is revived; merged: the binding moves once what the survivor holds is read
                row.state = row.state if isinstance(error, GoneError) and error.survivor else "gone"
            case "hold fields" if isinstance(error, SchemaDriftError) and self._hold_fields(mapping, error.fields):
                row.due_at = 0
            case "look":
                pass
            case _:
                row.state = "dead"
                letters.append(_letter(row, error))
        return None

    def _hold_fields(self, mapping: ObjectMapping, fields: Sequence[str]) -> bool:
        """Leave these fields out from now on; False when that is no news, and so no help."""
        held = self.live.quarantined.setdefault(mapping.object, set())
        news = set(fields) - held - {mapping.key}
        held.update(news)
        return bool(news)


def _letter(row: BindingRow, error: RemoteError) -> DeadLetter:
    return DeadLetter(
        connection=row.connection,
        what="binding",
        ref_id=row.id,
        profile_id=row.profile_id,
        error=type(error).__name__ + (f" {error.code}" if error.code else ""),
        message=str(error),
    )


def _wait(row: BindingRow) -> None:
    """The customer has no record there yet, so there is nothing to hang the interaction on."""
    row.state, row.error = "blocked", "its customer has no record there"


def _succeeded(row: BindingRow, write: Write, written: Written) -> None:
    row.remote_id, row.state = written.id, "linked"
    row.version = written.version or row.version
    row.applied = row.wanted
    row.claimed, row.writing, row.attempts, row.due_at, row.error = None, {}, 0, 0, None
    row.seen.update(write.values)
    for name in write.values:
        row.agreed.pop(name, None)
