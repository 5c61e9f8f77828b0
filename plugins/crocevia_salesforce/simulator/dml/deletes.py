"""Delete, undelete and merge. The caller holds the transaction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from crocevia_salesforce.simulator.database import quote
from crocevia_salesforce.simulator.dml import rows, saves
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import refuse_row
from crocevia_salesforce.simulator.schema import Field, SObject

MAX_LOSERS = 2
"""Records that one merge folds into its master. Source: SOAP API guide, merge(), v60.0."""
_CASCADES = {("Account", "Contact"), ("Account", "Opportunity"), ("Case", "EmailMessage")}
CLEARED_TABLE = (
    "CREATE TABLE IF NOT EXISTS sim_cleared "
    "(parent TEXT, object TEXT, child TEXT, field TEXT, PRIMARY KEY (parent, child, field)) WITHOUT ROWID"
)
PURGED_TABLE = (
    "CREATE TABLE IF NOT EXISTS sim_purged (object TEXT, record TEXT, stamp TEXT, PRIMARY KEY (object, record)) "
    "WITHOUT ROWID"
)
"""What the log of deletions still knows when no query shows it. Source: SOAP API guide, getDeleted(), v60.0."""


def delete(work: Work, sobject: SObject, record_id: object) -> str:
    """Move a record to the recycle bin, its dependants with it; return its id.

    Raises:
        ApiError: It is not there, or already deleted.
    """
    work.check_row_fault("delete", sobject)
    record = saves.living(work, sobject, record_id)["Id"]
    if not sobject.describe.get("deletable", True):
        raise refuse_row("INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id")
    full = work.full.get(sobject.name) or sobject
    with work.transaction():
        _delete(work, full, record)
    return str(record)


def purge(work: Work, sobject: SObject, record_id: str) -> None:
    """Take a deleted record out of the recycle bin for good; only the log of deletions knows it now."""
    row = work.database.row(sobject, record_id)
    if row is None or not row["IsDeleted"]:
        return
    work.database.execute(f'DELETE FROM {quote(sobject.name)} WHERE "Id" = ?', (record_id,))
    remember = "INSERT OR REPLACE INTO sim_purged VALUES (?, ?, ?)"
    work.database.execute(remember, (sobject.name, record_id, row["SystemModstamp"]))


def _delete(work: Work, sobject: SObject, record_id: str) -> None:
    work.database.update(sobject, record_id, {"IsDeleted": 1, "SystemModstamp": work.stamp})
    work.mutated(sobject, "delete", record_id, {})
    for child, field in _children(work, sobject):
        sql = f'SELECT "Id" FROM {quote(child.name)} WHERE {quote(field.name)} = ? AND "IsDeleted" = 0'
        for (child_id,) in work.database.execute(sql, (record_id,)).fetchall():
            if (sobject.name, child.name) in _CASCADES:
                _delete(work, child, child_id)
            elif field.name.endswith("__c"):
                _clear(work, record_id, child, field, child_id)


def _clear(work: Work, parent_id: str, child: SObject, field: Field, child_id: str) -> None:
    """Empty a lookup whose record goes (SetNull), remembering it for an undelete."""
    remember = "INSERT OR REPLACE INTO sim_cleared VALUES (?, ?, ?, ?)"
    work.database.execute(remember, (parent_id, child.name, child_id, field.name))
    work.database.update(child, child_id, {field.name: None, "SystemModstamp": work.stamp})
    work.mutated(child, "update", child_id, {field.name: None})


def _children(work: Work, parent: SObject) -> Iterator[tuple[SObject, Field]]:
    for child in work.full.objects.values():
        for field in child.fields.values():
            leads_here = field.type == "reference" and field.createable and parent.name in field.references
            if leads_here and child.field("Id"):
                yield child, field


def undelete(work: Work, sobject: SObject, record_id: str) -> None:
    """Take a record out of the recycle bin, with the lookups that its deletion emptied.

    Raises:
        ApiError: UNDELETE_FAILED, when it is not in the bin, or was merged away; DUPLICATE_VALUE for a taken key.
    """
    row = work.database.row(sobject, record_id)
    if row is None or not row["IsDeleted"] or row.get("MasterRecordId"):
        raise refuse_row("UNDELETE_FAILED", "Entity is not in the recycle bin")
    rows.check_unique(work, sobject, row, record_id)
    with work.transaction():
        work.database.update(sobject, record_id, {"IsDeleted": 0, "SystemModstamp": work.stamp})
        work.mutated(sobject, "undelete", record_id, {})
        cleared = work.database.execute("SELECT object, child, field FROM sim_cleared WHERE parent = ?", (record_id,))
        for object_name, child_id, field in cleared.fetchall():
            child = work.full.get(object_name)
            if child is not None:
                work.database.update(child, child_id, {field: record_id, "SystemModstamp": work.stamp})
                work.mutated(child, "update", child_id, {field: record_id})
        work.database.execute("DELETE FROM sim_cleared WHERE parent = ?", (record_id,))


def merge(work: Work, sobject: SObject, master_id: str, loser_ids: Sequence[str]) -> list[str]:
    """Fold up to two records into a master: their children move, they are deleted with MasterRecordId.

    Returns:
        Ids of the children that moved.

    Raises:
        ApiError: INVALID_FIELD_VALUE for a wrong set of records; whatever ``living`` says of one.
    """
    if not sobject.field("MasterRecordId"):
        raise refuse_row("INVALID_TYPE", f"merge is not supported for entity type {sobject.name}")
    if not 1 <= len(loser_ids) <= MAX_LOSERS or master_id in loser_ids or len(set(loser_ids)) != len(loser_ids):
        raise refuse_row("INVALID_FIELD_VALUE", f"a merge takes one master and one to {MAX_LOSERS} other records")
    for record_id in (master_id, *loser_ids):
        saves.living(work, sobject, record_id)
    moved: list[str] = []
    touch: dict[str, Any] = {"LastModifiedDate": work.stamp, "LastModifiedById": work.actor.user_id}
    with work.transaction():
        for loser in loser_ids:
            moved += _reparent(work, sobject, loser, master_id)
            gone = {"IsDeleted": 1, "MasterRecordId": master_id, "SystemModstamp": work.stamp}
            work.database.update(sobject, loser, gone)
            work.mutated(sobject, "merge", loser, {"MasterRecordId": master_id})
        work.database.update(sobject, master_id, {**touch, "SystemModstamp": work.stamp})
        work.mutated(sobject, "update", master_id, {})
    return moved


def _reparent(work: Work, sobject: SObject, loser: str, master: str) -> list[str]:
    moved = []
    for child, field in _children(work, sobject):
        sql = f'SELECT "Id" FROM {quote(child.name)} WHERE {quote(field.name)} = ?'
        for (child_id,) in work.database.execute(sql, (loser,)).fetchall():
            work.database.update(child, child_id, {field.name: master, "SystemModstamp": work.stamp})
            work.mutated(child, "update", child_id, {field.name: master})
            moved.append(str(child_id))
    return moved
