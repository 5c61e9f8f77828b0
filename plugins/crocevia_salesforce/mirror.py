"""One Task beside each interaction, for orgs whose people look at activities; `Interaction__c` stays the truth.

A Task has no unique field to upsert by, so it is made once, after its interaction, and hangs on it by `WhatId`: where
an answer was lost, that is where it is found again. It is not changed afterwards.

Source: Object Reference v60.0, "Task": WhatId needs an object with activities; with a lead as WhoId it must be empty,
so interactions of leads have no Task.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import define

from crocevia import Written
from crocevia_salesforce.batches import Row
from crocevia_salesforce.reads import Reads
from crocevia_salesforce.schemas import Schemas

OBJECT = "Task"
_OF = "Interaction__c"
_SUBJECT = 255
_CALL_TYPES = {"Inbound": "Inbound", "Outbound": "Outbound", "Internal": "Internal"}


@define
class Mirror:
    """Makes Tasks of one org's interactions."""

    schemas: Schemas
    reads: Reads

    def rows(self, made: Sequence[Row]) -> list[Row]:
        """The Tasks that new interactions of contacts want. One look for those that may have theirs already."""
        new = [row for row in made if row.object == _OF and row.operation == "upsert"]
        # one that was written as a Task has that for its own
        ours = [row for row in new if row.values.get("Contact__c") and not row.values.get("Task_Id__c")]
        written = [(row, row.outcome) for row in ours if isinstance(row.outcome, Written)]
        again = [outcome.id for _, outcome in written if not outcome.created]
        mirrored = set(self.reads.pointing(OBJECT, "WhatId", again)) if again else set()
        return [
            Row(OBJECT, "create", row.key, None, self._values(row.values, outcome.id), parent=row)
            for row, outcome in written
            if outcome.id not in mirrored
        ]

    def _values(self, values: Mapping[str, Any], interaction: str) -> dict[str, Any]:
        """What the org has fields for; those of calls are there with a call centre only."""
        fields = self.schemas.known(OBJECT).fields
        return {
            name: value
            for name, value in _said(values, interaction)
            if value is not None and fields.get(name, {}).get("createable")
        }


def _said(values: Mapping[str, Any], interaction: str) -> Iterator[tuple[str, Any]]:
    kind, channel = str(values.get("Kind__c") or "message"), str(values.get("Channel__c") or "")
    at, text = values.get("Occurred_At__c"), values.get("Subject__c")
    yield "WhatId", interaction
    yield "WhoId", values["Contact__c"]
    yield "Subject", str(text or f"{channel} {kind}".strip())[:_SUBJECT]
    yield "Description", values.get("Body__c")
    yield "Status", "Completed"
    yield "ActivityDate", str(at)[:10] if at else None  # a day is all that it holds
    if kind in ("call", "voicemail"):
        yield "TaskSubtype", "Call"
        yield "Type", "Call"
        yield "CallType", _CALL_TYPES.get(str(values.get("Direction__c")))
        yield "CallDurationInSeconds", values.get("Duration_Seconds__c")
        yield "CallObject", values.get("Message_Id__c")
        yield "CallDisposition", values.get("Status__c")
