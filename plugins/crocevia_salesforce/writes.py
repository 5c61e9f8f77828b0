"""Writing records: Composite of Collections, one outcome a write, nothing created blindly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from attrs import define

from crocevia import Outcome, Write, Written
from crocevia.errors import (
    AuthError,
    DuplicateError,
    GoneError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
)
from crocevia.mapping import ObjectMapping, Reference
from crocevia_salesforce import children, families
from crocevia_salesforce.batches import Part, Row, calls, groups, parts, rows
from crocevia_salesforce.bulk import Bulk
from crocevia_salesforce.mirror import Mirror
from crocevia_salesforce.reads import Reads
from crocevia_salesforce.refusals import Circumstances, LostRaceError, of_row
from crocevia_salesforce.schemas import Schemas
from crocevia_salesforce.transport import Transport

HALVING_CALLS = 40
"""Calls spent on finding the rows that spoil a whole part, before all of the part counts as spoilt."""
_OVERRIDE = {"Sforce-Duplicate-Rule-Header": "allowSave=true"}
"""Source: REST API guide v60.0, "Duplicate Rule Header": lets alerts pass, not blocking rules."""
_OF_ONE_VALUE = frozenset({"JSON_PARSER_ERROR", "MALFORMED_ID"})
"""Refusals of a whole call for the sake of one row's value."""

_OF_THE_CONNECTION = (RetryableError, AuthError)
Answered = list[Any] | RemoteError


@define
class Writes:
    """Writes to one org.

    Attributes:
        transport: The road.
        schemas: Forgotten where an answer contradicts them.
        reads: Asked what became of a record that is gone.
        mappings: Whose order says what is written first, and whose references say what is locked.
        key_field: External id field of upserts; None: the org has none, and they are creates.
        bulk: The other road, for many rows.
        mirror: Makes Tasks of interactions; None: none are wanted.
        override_duplicates: Whether alerts of duplicate rules are overridden.
    """

    transport: Transport
    schemas: Schemas
    reads: Reads
    mappings: Sequence[ObjectMapping]
    key_field: str | None
    bulk: Bulk
    override_duplicates: bool = False
    mirror: Mirror | None = None

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """One outcome a write, in order. Raises the decision when no call got through at all."""
        todo = rows(batch)
        self.bulk.forget_done(todo)
        everything = [*todo, *families.child_rows(todo, self.reads, self.key_field)]
        failures = self._make(everything)
        if lost := [row for row in everything if isinstance(row.outcome, LostRaceError)]:
            self._make(lost)
            for row in lost:
                row.outcome = _conflict(row.outcome)
        families.settle(everything)
        if self.mirror is not None and (tasks := self.mirror.rows(todo)):
            self._make(tasks)
            families.settle(tasks)
        if failures and all(row.outcome in failures for row in todo) and isinstance(failures[0], _OF_THE_CONNECTION):
            raise failures[0]
        self._follow([row for row in todo if isinstance(row.outcome, GoneError)])
        placed = {place: row.outcome for row in todo for place in row.places}
        return [outcome for place in range(len(batch)) if (outcome := placed[place]) is not None]

    def _make(self, todo: Sequence[Row]) -> list[RemoteError]:
        """Make the calls and give each row its outcome; return what failed as a whole."""
        pending: list[Part] = []
        failures: list[RemoteError] = []
        for object_name, operation, members in groups(todo, self._ranks(), self._parents()):
            ready = _ready(members)
            if len(ready) >= self.bulk.least and operation != "create" and self.key_field is not None:
                failures += self._call(pending)
                pending = []
                failures += self.bulk.write(object_name, operation, ready)
                self._look_at([row for row in ready if isinstance(row.outcome, SchemaDriftError)])
            else:
                self.bulk.hold(ready)
            alerted = [row for row in ready if isinstance(row.outcome, DuplicateError)]  # a job has no header for it
            left = [row for row in ready if row.outcome is None] + (alerted if self.override_duplicates else [])
            pending.extend(parts(object_name, operation, left))
        return failures + self._call(pending)

    def _call(self, pending: list[Part]) -> list[RemoteError]:
        """Five Collections a call; a part that one row spoils is halved."""
        failures: list[RemoteError] = []
        halvings = HALVING_CALLS
        while pending:
            call = next(calls(pending))
            del pending[: len(call)]
            try:
                answers = self._made(call)
            except RemoteError as error:
                failures.append(error)
                answers = [error] * len(call)
            halvings -= 1
            for part, answer in zip(call, answers, strict=True):
                if halvings > 0 and _spoilt(part, answer):
                    pending.extend(part.halves())
                else:
                    self._settle(part, answer)
        return failures

    def _ranks(self) -> dict[str, int]:
        """`{object: place}`: what others point to is written before them, child rows right after their parents."""
        order = [mapping.object for mapping in self.mappings if mapping.of == "profile"]
        order += [children.OBJECT, *(mapping.object for mapping in self.mappings if mapping.of != "profile")]
        return {name: place for place, name in enumerate(order)}

    def _parents(self) -> dict[str, tuple[str, ...]]:
        """`{object: its references to the record that a write of it locks}`."""
        return {
            mapping.object: lens.remote
            for mapping in self.mappings
            for lens in reversed(mapping.lenses)
            if isinstance(lens, Reference)
        }

    def _made(self, call: Sequence[Part]) -> list[Answered]:
        """Make one call: one answer a part. Raises the decision when the call as a whole failed."""
        headers = _OVERRIDE if self.override_duplicates else {}
        requests = [part.request(self.key_field) for part in call]
        # a Task that was made is found again by its interaction; a customer without a key is not
        twice = not any(part.operation == "upsert" and part.is_create(self.key_field) for part in call)
        if len(call) == 1:
            method, path, body = requests[0]
            return [self.transport.send(method, path, body, headers=headers, idempotent=twice)]
        subrequests = [
            {
                "method": method,
                "url": f"{self.transport.root}/{path}",
                "referenceId": f"part{at}",
                **({"httpHeaders": headers} if headers else {}),
                **({"body": body} if body is not None else {}),
            }
            for at, (method, path, body) in enumerate(requests)
        ]
        whole = {"allOrNone": False, "collateSubrequests": False, "compositeRequest": subrequests}
        answer = self.transport.send("POST", "composite", whole, headers=headers, idempotent=twice)
        return [self._part_answer(part, told) for part, told in zip(call, answer["compositeResponse"], strict=True)]

    def _part_answer(self, part: Part, told: Any) -> Answered:
        status, body = told["httpStatusCode"], told["body"]
        if status < 300 and isinstance(body, list):
            return body
        where = Circumstances(
            connection=self.transport.connection,
            subject=f"{part.operation} of {len(part.rows)} {part.object}",
            status=status,
        )
        return of_row(body if isinstance(body, list) else [], where)

    def _settle(self, part: Part, answer: Answered) -> None:
        """Give each row its outcome: results stand in the order of the rows."""
        if not isinstance(answer, RemoteError) and len(answer) != len(part.rows):
            connection = self.transport.connection
            answer = RetryableError(f"{connection}: {len(answer)} results for {len(part.rows)} {part.object}: again")
        for at, row in enumerate(part.rows):
            outcome = answer if isinstance(answer, RemoteError) else self._outcome(row, answer[at])
            row.outcome = outcome
        self._look_at([row for row in part.rows if isinstance(row.outcome, SchemaDriftError)])

    def _look_at(self, drifted: Sequence[Row]) -> None:
        """What does not agree with its description is described anew; without its key nothing can be written."""
        for row in drifted:
            self.schemas.forget(row.object)
            if isinstance(row.outcome, SchemaDriftError) and self.key_field in row.outcome.fields:
                row.outcome = self._without_key(row, row.outcome)

    def _without_key(self, row: Row, drift: SchemaDriftError) -> AuthError:
        """Without its key nothing can be upserted: it cannot be put aside like another field, so all waits."""
        what = f"{self.transport.connection}: {row.object}.{self.key_field} is not there, or hidden from the user"
        step = "deploy the package, or give the integration user the permission set Crocevia"
        return AuthError(f"{what}: {step}", code=drift.code, status=drift.status)

    def _outcome(self, row: Row, result: Any) -> Outcome:
        if result.get("success"):
            plain = row.operation == "create" or (row.operation == "upsert" and self.key_field is None)
            return Written(id=result["id"], created=bool(result.get("created", plain)))
        where = Circumstances(
            connection=self.transport.connection,
            subject=row.subject,
            values=row.values,
            key_field=self.key_field if row.operation == "upsert" else None,
        )
        error = of_row(result.get("errors") or (), where)
        if row.operation == "delete" and isinstance(error, GoneError) and row.id:
            return Written(id=row.id)  # it is not there any more, which is what was asked for
        return error

    def _follow(self, lost: Sequence[Row]) -> None:
        """Say what became of records that a write did not find: merged, deleted, or the record it points to is."""
        by_object: dict[str, set[str]] = {}
        for row in lost:
            for object_name, remote_id in self._suspects(row):
                by_object.setdefault(object_name, set()).add(remote_id)
        fates = {name: self.reads.fates(name, ids) for name, ids in by_object.items()}
        for row in lost:
            row.outcome = self._fate(row, fates)

    def _suspects(self, row: Row) -> list[tuple[str, str]]:
        references = self.schemas.known(row.object).references
        pointed = [(references[name][0], value) for name, value in row.values.items() if references.get(name) and value]
        return [(row.object, row.id), *pointed] if row.id else pointed

    def _fate(self, row: Row, fates: dict[str, dict[str, tuple[bool, str | None]]]) -> Outcome | None:
        facts: dict[str, Any] = {"code": getattr(row.outcome, "code", None)}
        said = f"{self.transport.connection}: {row.subject}"
        if row.id:
            deleted, survivor = fates[row.object].get(row.id, (True, None))
            if deleted:
                what = f"was merged into {survivor}" if survivor else "is deleted"
                return GoneError(f"{said} {what}: its link is moved or ended", survivor=survivor, **facts)
        for object_name, remote_id in self._suspects(row):
            deleted, survivor = fates[object_name].get(remote_id, (True, None))
            if deleted:
                what = f"merged into {survivor}" if survivor else "deleted"
                return RetryableError(
                    f"{said}: {object_name} {remote_id} is {what}; it goes on after the next pull", **facts
                )
        if isinstance(row.outcome, RemoteError):
            return RejectedError(
                f"{said}: {row.outcome.code}: a record it points to is not accessible, or of another type", **facts
            )
        return row.outcome


def _ready(rows: Sequence[Row]) -> list[Row]:
    """The rows that can be written now, without an outcome; what hangs on a row that failed shares its fate."""
    for row in rows:
        of_parent = None if row.parent is None else row.parent.outcome
        row.outcome = of_parent if isinstance(of_parent, RemoteError) else None
    return [row for row in rows if row.outcome is None]


def _conflict(outcome: Outcome | None) -> Outcome | None:
    """A race that is lost twice is none: a record of this key is there, which upsert does not find."""
    if not isinstance(outcome, LostRaceError):
        return outcome
    return DuplicateError(f"{outcome}; and again: look for a record of this key that the user may not see")


def _spoilt(part: Part, answer: Answered) -> bool:
    """Whether one row's value made the org refuse the whole part."""
    return isinstance(answer, RemoteError) and answer.code in _OF_ONE_VALUE and len(part.rows) > 1
