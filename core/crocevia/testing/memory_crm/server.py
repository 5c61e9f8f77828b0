"""The in-memory CRM itself: strict about its schema, honest about every commit."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, field

from crocevia.clock import SYSTEM_CLOCK, Clock
from crocevia.connector import Usage
from crocevia.errors import (
    ConflictError,
    DuplicateError,
    GoneError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    SchemaDriftError,
)
from crocevia.model import ObjectSchema, Outcome, Write, Written
from crocevia.testing.memory_crm.row import Call, Mutation, Row
from crocevia.testing.memory_crm.schema import EMAIL, KEY, MAIL, PERSON, PHONES, TOUCH, schemas
from crocevia.testing.memory_crm.trouble import Trouble

if TYPE_CHECKING:
    from crocevia.testing.memory_crm.connector import MemoryCRMConnector

Automation = Callable[[str, Mapping[str, Any]], Mapping[str, Any]]
_KINDS: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "boolean": (bool,),
    "datetime": (str,),
    "reference": (str,),
    "rows": (list, tuple),
}


@define(kw_only=True, eq=False)
class MemoryCRM:
    """A CRM in memory with two objects, `Person` (customers) and `Touch` (interactions). Safe for many threads.

    `crm.connector()` gives a connector over it, `crm.connector_class()` a class for a hook to register. A person's
    work is done by `create`, `edit`, `delete` and `merge`; what goes wrong is arranged in `crm.trouble`.

    Attributes:
        clock: Its own clock, for the stamps on its records.
        lossy: One `name` field instead of two, contact points as child rows, texts of 60 characters.
        normalises: It rewrites what is written: trims, lowers e-mail addresses, strips phone numbers to their digits.
        automations: Each is called in every write as `(object, values) -> values it changes on top`.
        keyed: Whether it has fields for our key and revision. Without them every upsert is a create.
        idempotent: Whether an upsert by our key, made twice, makes one record.
        finds_keys: Whether it can be searched by our key.
        gauge: What it says of its calls; None: nothing.
        conditional_write: Whether it honours `Write.version`.
        tells_version: Whether the answer to a write says the record's new version.
        refuses_doubles: Whether a second Person with an e-mail address that is there is refused.
        tells_unlinked: Whether a Touch that loses its person, who was deleted, is told as changed.
        customers: Whether its people are customers (the mapping says so).
        leads: Whether it keeps people as a second object too, `Lead`, which needs a `company`.
        write_limit: Most records a write.
        page_limit: Most records a page of changes.
        overlap: How far a new round of changes looks back, for commits that become visible late.
        calls: Every call over the API, in order.
        mutations: Every committed change, in order, a person's too.
    """

    clock: Clock = SYSTEM_CLOCK
    lossy: bool = False
    normalises: bool = False
    automations: Sequence[Automation] = ()
    keyed: bool = True
    idempotent: bool = True
    finds_keys: bool = False
    gauge: Usage | None = None
    conditional_write: bool = False
    tells_version: bool = True
    refuses_doubles: bool = False
    tells_unlinked: bool = True
    customers: bool = True
    leads: bool = False
    write_limit: int = 200
    page_limit: int = 200
    overlap: timedelta = timedelta(seconds=30)
    trouble: Trouble = field(factory=Trouble, init=False)
    calls: list[Call] = field(factory=list, init=False)
    mutations: list[Mutation] = field(factory=list, init=False)
    lock: threading.RLock = field(factory=threading.RLock, init=False)
    _rows: dict[str, Row] = field(factory=dict, init=False)
    _keys: dict[str, str] = field(factory=dict, init=False)
    _sequence: int = field(default=0, init=False)
    schemas: Mapping[str, ObjectSchema] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.schemas = schemas(lossy=self.lossy, keyed=self.keyed, leads=self.leads)

    def connector_class(self, kind: str = "memory_crm") -> type[MemoryCRMConnector]:
        """A connector class bound to this CRM, to register or to hand to `connector_suite`."""
        from crocevia.testing.memory_crm.connector import bound  # noqa: PLC0415 - the two need each other

        return bound(self, kind)

    def connector(self, connection: str = "crm") -> MemoryCRMConnector:
        """A connector over this CRM, ready to use."""
        cls = self.connector_class()
        return cls(cls.settings_type()(), connection=connection, clock=self.clock)

    # A person's work

    def create(self, object_name: str = PERSON, *, late_by: timedelta = timedelta(0), **values: Any) -> str:
        """Add a record by hand; return its id. `late_by`: it becomes visible now with a stamp of that long ago."""
        return self._create(object_name, values, by="person", at=self.clock.now() - late_by).id

    def edit(self, id: str, *, late_by: timedelta = timedelta(0), **values: Any) -> None:
        """Change a record by hand."""
        self._update(self._live(id), values, by="person", at=self.clock.now() - late_by)

    def delete(self, id: str, *, by: str = "person") -> None:
        """Delete a record. Touches of a deleted person lose their reference, as in most CRMs."""
        with self.lock:
            row = self._live(id)
            row.deleted = True
            self._touch(row, by=by, at=self.clock.now())
            self._record("delete", row, {}, by)
            self._point_touches(id, None)

    def undelete(self, id: str) -> None:
        """Take a record out of the bin, as it was; what pointed to it no longer does. Raises GoneError: not there."""
        with self.lock:
            row = self._rows.get(id)
            if row is None or not row.deleted or row.merged_into is not None:
                msg = f"memory: {id} is not in the bin"
                raise GoneError(msg)
            row.deleted = False
            self._touch(row, by="person", at=self.clock.now())
            self._record("undelete", row, {}, "person")

    def merge(self, id: str, *, into: str, by: str = "person") -> None:
        """Merge a person into another, who keeps her own values, is given what she lacks, and gets the touches."""
        with self.lock:
            loser, survivor = self._live(id), self._live(into)
            loser.deleted, loser.merged_into = True, into
            self._touch(loser, by=by, at=self.clock.now())
            self._record("merge", loser, {"into": into}, by)
            ours = (KEY,)
            lacking = {k: v for k, v in loser.values.items() if v and not survivor.values.get(k) and k not in ours}
            self._update(survivor, lacking, by=by, at=self.clock.now())
            self._point_touches(id, into)

    # What a test looks at

    def record(self, id: str) -> dict[str, Any]:
        """The values of one record, by id. Raises GoneError when it is deleted."""
        with self.lock:
            return dict(self._live(id).values)

    def records(self, object_name: str = PERSON) -> dict[str, dict[str, Any]]:
        """Every live record of an object: `{id: values}`, oldest first."""
        with self.lock:
            return {
                row.id: dict(row.values) for row in self._rows.values() if row.object == object_name and not row.deleted
            }

    def by_key(self, key: str) -> str | None:
        """The id of the live record with our key; None when there is none."""
        with self.lock:
            row = self._rows.get(self._keys.get(key, ""))
            return row.id if row and not row.deleted and row.values.get(KEY) == key else None

    def rows(self, object_name: str) -> list[Row]:
        """Every row of an object, the deleted too, in the order in which a sync should read them."""
        return sorted(
            (row for row in self._rows.values() if row.object == object_name), key=lambda row: (row.at, row.id)
        )

    # The API

    def called(self, operation: str, object_name: str, size: int) -> None:
        """Count a call and let arranged trouble happen to it. Raises whatever was arranged."""
        with self.lock:
            self.calls.append(Call(operation=operation, object=object_name, size=size))
        self.trouble.before(operation)

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """One write call: an outcome per row. Raises what was arranged, and RejectedError for too large a batch."""
        self.called("write", batch[0].object if batch else "", len(batch))
        if len(batch) > self.write_limit:
            msg = f"memory: {len(batch)} records in one write, at most {self.write_limit}: split it"
            raise RejectedError(msg, code="TOO_MANY")
        with self.lock:
            rows, lost = self.trouble.answer_lost_after(batch)
            outcomes = [self._outcome(write) for write in batch[:rows]]
        if lost is not None:
            raise OutcomeUnknownError(str(lost))
        return outcomes

    def merge_records(self, object_name: str, survivor: str, losers: Sequence[str]) -> None:
        """One merge call. Raises GoneError for a record that is not there any more, and what was arranged."""
        self.called("merge", object_name, len(losers))
        with self.lock:
            _, lost = self.trouble.answer_lost_after(())
            for loser in losers:
                self.merge(loser, into=survivor, by="api")
        if lost is not None:
            raise OutcomeUnknownError(str(lost))

    def _outcome(self, write: Write) -> Outcome:
        try:
            refusal = self.trouble.refused(write)
            return self._write(write) if refusal is None else refusal
        except RemoteError as error:
            return error

    def _write(self, write: Write) -> Written:
        now = self.clock.now()
        if write.operation == "upsert":
            known = self.by_key(write.key) if self.keyed and self.idempotent else None
            if known is None:
                values = {**write.values, KEY: write.key} if self.keyed else dict(write.values)
                row = self._create(write.object, values, by="api", at=now)
                return Written(id=row.id, created=True, version=row.version if self.tells_version else None)
            row = self._live(known)
        else:
            row = self._live(write.id or "")
        if self.conditional_write and write.version is not None and write.version != row.version:
            msg = f"memory: {write.object} {row.id} has version {row.version}: read it again"
            raise ConflictError(msg)
        if write.operation == "delete":
            self.delete(row.id, by="api")
            return Written(id=row.id)
        self._update(row, write.values, by="api", at=now)
        return Written(id=row.id, version=row.version if self.tells_version else None)

    # Commits

    def _create(self, object_name: str, values: Mapping[str, Any], *, by: str, at: datetime) -> Row:
        with self.lock:
            schema = self.schema(object_name)
            clean = self._checked(schema, None, values)
            missing = [name for name, described in schema.fields.items() if described.required and not clean.get(name)]
            if missing:
                msg = f"memory: a {object_name} needs {', '.join(missing)}"
                raise RejectedError(msg, code="REQUIRED_FIELD_MISSING")
            number = f"{object_name[0]}{len(self._rows) + 1:06d}"
            held = {name: clean.get(name) for name in schema.fields}
            row = Row(object=object_name, id=number, values=held, sequence=0, at=at, by=by)
            self._rows[number] = row
            self._touch(row, by=by, at=at)
            self._record("create", row, {name: value for name, value in held.items() if value is not None}, by)
            return row

    def _update(self, row: Row, values: Mapping[str, Any], *, by: str, at: datetime) -> None:
        with self.lock:
            clean = self._checked(self.schema(row.object), row, values)
            changed = {name: value for name, value in clean.items() if row.values[name] != value}
            row.values.update(clean)
            self._touch(row, by=by, at=at)
            self._record("update", row, changed, by)

    def _touch(self, row: Row, *, by: str, at: datetime) -> None:
        self._sequence += 1
        row.sequence, row.at, row.by = self._sequence, at, by
        if row.values.get(KEY):
            self._keys[row.values[KEY]] = row.id

    def _record(self, operation: Any, row: Row, values: dict[str, Any], by: str) -> None:
        self.mutations.append(
            Mutation(operation=operation, object=row.object, id=row.id, values=values, by=by, at=row.at)
        )

    def _point_touches(self, person: str, to: str | None) -> None:
        for row in self._rows.values():
            if row.object != TOUCH or row.values["person"] != person or row.deleted:
                continue
            if to is None and not self.tells_unlinked:
                row.values["person"] = None
            else:
                self._update(row, {"person": to}, by="automation", at=self.clock.now())

    # Rules

    def schema(self, object_name: str) -> ObjectSchema:
        """One object's fields. Raises SchemaDriftError when there is no such object."""
        if object_name not in self.schemas:
            msg = f"memory: there is no object {object_name}"
            raise SchemaDriftError(msg)
        return self.schemas[object_name]

    def _live(self, id: str) -> Row:
        row = self._rows.get(id)
        if row is None or row.deleted:
            survivor = self._survivor(row) if row else None
            msg = f"memory: {id} is " + (f"merged into {survivor}" if survivor else "not there")
            raise GoneError(msg, survivor=survivor)
        return row

    def _survivor(self, row: Row) -> str | None:
        while row.merged_into is not None:
            row = self._rows[row.merged_into]
        return None if row.deleted else row.id

    def _checked(self, schema: ObjectSchema, row: Row | None, values: Mapping[str, Any]) -> dict[str, Any]:
        """The values as they will be held: known fields, right types, short enough, normalised, automations on top."""
        unknown = [name for name in values if name not in schema.fields]
        if unknown:
            msg = f"memory: {schema.name} has no field {', '.join(unknown)}"
            raise SchemaDriftError(msg, fields=unknown)
        clean = {name: self._held(schema, name, value) for name, value in values.items()}
        for automation in self.automations:
            clean.update(automation(schema.name, {**(row.values if row else {}), **clean}))
        required = [name for name, value in clean.items() if schema.fields[name].required and not value]
        if row is not None and required:
            msg = f"memory: {row.id} cannot be without {', '.join(required)}"
            raise RejectedError(msg, code="REQUIRED_FIELD_MISSING")
        self._check_links(schema, row, clean)
        return clean

    def _held(self, schema: ObjectSchema, name: str, value: Any) -> Any:
        described = schema.fields[name]
        if value is None or value == "":
            return None
        if type(value) not in _KINDS[described.type]:
            msg = f"memory: {schema.name}.{name} is {described.type}, not {type(value).__name__}"
            raise RejectedError(msg, code="INVALID_TYPE")
        if described.type == "rows":
            return [list(row) for row in sorted({self._row(schema, name, row) for row in value})]
        if isinstance(value, str):
            value = self._normal(name, value)
            if described.length is not None and len(value) > described.length:
                msg = f"memory: {schema.name}.{name} holds {described.length} characters, not {len(value)}"
                raise RejectedError(msg, code="STRING_TOO_LONG")
        return value

    def _row(self, schema: ObjectSchema, name: str, row: Any) -> tuple[str, str]:
        match row:
            case [str(kind), str(text)] if kind in (*PHONES, MAIL):
                return kind, self._normal(EMAIL if kind == MAIL else kind, text)
        msg = f"memory: a row of {schema.name}.{name} is a type and a text"
        raise RejectedError(msg, code="INVALID_ROW")

    def _normal(self, name: str, text: str) -> str:
        if not self.normalises:
            return text
        if name in PHONES:
            return ("+" if text.strip().startswith("+") else "") + re.sub(r"\D", "", text)
        return text.strip().lower() if name == EMAIL else text.strip()

    def _check_links(self, schema: ObjectSchema, row: Row | None, values: Mapping[str, Any]) -> None:
        person = values.get("person")
        if schema.name == TOUCH and person is not None:
            self._live(person)
        mail = values.get(EMAIL)
        if self.refuses_doubles and schema.name == PERSON and mail:
            doubles = [
                other.id
                for other in self._rows.values()
                if other is not row and not other.deleted and other.values.get(EMAIL) == mail
            ]
            if doubles:
                msg = f"memory: {', '.join(doubles)} has that e-mail address"
                raise DuplicateError(msg, candidates=doubles)
