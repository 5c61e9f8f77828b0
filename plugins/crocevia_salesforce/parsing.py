"""What a page tells: one event a row. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from crocevia import Event, Raw, RecordChanged, RecordDeleted, RecordMerged, Unrecognised
from crocevia.errors import MalformedError
from crocevia_salesforce.values import CONVERTED, moment_of, received

MOMENTS_HEADER = "x-crocevia-moments"
"""Fields of type datetime, by commas."""
RETOLD_HEADER = "x-crocevia-retold"
"""When the rows were read, where their stamps alone do not tell which of two readings is the later."""


@frozen
class _Page:
    moments: frozenset[str]
    retold: str | None
    stream: str | None


def parse(raw: Raw) -> Iterable[Event]:
    """What a page of changes tells, row by row: the answer of a query, or of getDeleted.

    Raises:
        MalformedError: it is neither.
    """
    body = raw.json()
    found = body if isinstance(body, dict) else {}
    moments = frozenset(raw.headers.get(MOMENTS_HEADER, "Occurred_At__c").split(","))
    page = _Page(moments, raw.headers.get(RETOLD_HEADER), raw.stream)
    if isinstance(found.get("records"), list):
        return [_event(row, f"/records/{at}", page) for at, row in enumerate(found["records"])]
    if isinstance(found.get("deletedRecords"), list):
        return [_purged(row, f"/deletedRecords/{at}", page) for at, row in enumerate(found["deletedRecords"])]
    raise MalformedError("not the answer of a Salesforce query: no list of records")


def _event(row: Any, leaf: str, page: _Page) -> Event:
    object_name = _object(row)
    if object_name is None or not isinstance(row.get("Id"), str) or not isinstance(row.get("SystemModstamp"), str):
        return Unrecognised(what="a row without type, Id or SystemModstamp", leaf=leaf)
    stamp, remote_id = row["SystemModstamp"], row["Id"]
    at = moment_of(stamp)
    if row.get("IsDeleted"):
        if isinstance(row.get("MasterRecordId"), str):
            return RecordMerged(object=object_name, id=remote_id, into=row["MasterRecordId"], at=at, leaf=leaf)
        return RecordDeleted(object=object_name, id=remote_id, at=at, leaf=leaf)
    if row.get("IsConverted"):
        became = next(((row[name], kind) for name, kind in CONVERTED.items() if isinstance(row.get(name), str)), None)
        if became is not None:
            into, becomes = became
            return RecordMerged(object=object_name, id=remote_id, into=into, becomes=becomes, at=at, leaf=leaf)
    return RecordChanged(
        object=object_name,
        id=remote_id,
        values=received(row, page.moments),
        at=at,
        version=f"{stamp} {page.retold}" if page.retold else stamp,
        by=row.get("LastModifiedById"),
        leaf=leaf,
    )


def _purged(row: Any, leaf: str, page: _Page) -> Event:
    """A record that is in no recycle bin any more: the log of deletions alone names it."""
    told = row if isinstance(row, Mapping) else {}
    remote_id, stamp = told.get("id"), told.get("deletedDate")
    if page.stream is None or not isinstance(remote_id, str) or not isinstance(stamp, str):
        return Unrecognised(what="a deletion without id, date or object", leaf=leaf)
    return RecordDeleted(object=page.stream, id=remote_id, at=moment_of(stamp), leaf=leaf)


def _object(row: Any) -> str | None:
    attributes = row.get("attributes") if isinstance(row, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    return name if isinstance(name, str) else None
