"""Who saves what when: the frame of every save of one request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from attrs import define, field, frozen

from crocevia_salesforce.simulator.database import Database
from crocevia_salesforce.simulator.errors import ApiError, Refusal
from crocevia_salesforce.simulator.faults import Faults
from crocevia_salesforce.simulator.ledger import Ledger
from crocevia_salesforce.simulator.rules import Rules
from crocevia_salesforce.simulator.schema import Schema, SObject

LEDGER_CONTEXT = {"interaction__c": ("Message_Id__c",)}
"""Fields that a mutation's ledger line carries also where the mutation did not set them."""


@frozen
class Actor:
    """A user of the org, and the way in: ``api`` or ``user`` (the page, an administrator)."""

    user_id: str
    by: str


@frozen
class DuplicateHeader:
    """``Sforce-Duplicate-Rule-Header``."""

    allow_save: bool = False
    include_details: bool = False


@define
class Work:
    """What the saves of one request share.

    Attributes:
        schema: As the actor sees it.
        full: The whole schema, which automations and the org itself use.
        stamp: Time of the transaction, as REST writes it.
    """

    database: Database
    ledger: Ledger
    schema: Schema
    full: Schema
    rules: Rules
    faults: Faults
    actor: Actor
    stamp: str
    duplicates: DuplicateHeader = field(factory=DuplicateHeader)

    def check_row_fault(self, op: str, sobject: SObject) -> None:
        """Raise the fault that a rule has for this row, if any."""
        fault = self.faults.of_row(op, sobject.name)
        if fault is None:
            return
        if fault.kind == "row_lock":
            raise ApiError(400, [Refusal("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record", ())])
        raise ApiError(400, [Refusal(fault.code, fault.message, ())])

    def mutated(self, sobject: SObject, op: str, record_id: str, values: Mapping[str, Any]) -> None:
        """Note a mutation in the ledger."""
        context = LEDGER_CONTEXT.get(sobject.name.lower(), ())
        missing = [name for name in context if name not in values and sobject.field(name)]
        if missing:
            row = self.database.row(sobject, record_id) or {}
            values = {**values, **{name: row[name] for name in missing if row.get(name) is not None}}
        self.ledger.mutated(sobject.name, op, record_id, values, self.actor.by, self.stamp)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Do everything inside or nothing, ledger lines included."""
        mark = len(self.ledger.pending)
        try:
            with self.database.transaction():
                yield
        except BaseException:
            del self.ledger.pending[mark:]
            raise
