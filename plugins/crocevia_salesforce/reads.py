"""Reading records: what changed since a cursor, and records by id."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from crocevia import (
    Event,
    Raw,
    RawPage,
    Record,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Unrecognised,
)
from crocevia.errors import MalformedError, SchemaDriftError
from crocevia_salesforce.cursor import START, Cursor, Position
from crocevia_salesforce.schemas import Schema, Schemas
from crocevia_salesforce.transport import Transport
from crocevia_salesforce.values import SYSTEM_FIELDS, moment_of, received, soql_moment

PAGE = 2_000
"""Rows an answer holds at most. Source: REST API guide v60.0, "Query More Results"."""
RETRIEVE_LIMIT = 2_000
"""Ids one call fetches. Source: REST API guide v60.0, "Get Records with sObject Collections"."""
MOMENTS_HEADER = "x-crocevia-moments"
RETOLD_HEADER = "x-crocevia-retold"


class Reads:
    """Reads one org.

    Args:
        transport: The road.
        schemas: Which fields an object has.
        overlap: How late a commit may be.
        now: Our clock.
    """

    def __init__(self, transport: Transport, schemas: Schemas, overlap: timedelta, now: Callable[[], datetime]) -> None:
        self._transport = transport
        self._schemas = schemas
        self._overlap = overlap
        self._now = now

    def changes(self, object_name: str, cursor_text: str | None, fields: Sequence[str]) -> RawPage:
        """One page of what is new since the cursor; pages told before are passed over.

        Each page is a query of its own from a position on, not a locator: locators die after two days, or when the
        user opens more than ten, and a dead one would begin the object again.
        """
        schema = self._schemas.known(object_name)
        cursor = Cursor.read(cursor_text)
        position = cursor.first(self._overlap)
        while True:
            query = _changes_query(object_name, selected(schema, fields), position)
            answer = self._asked(object_name, query)
            body = self._transport.decoded(answer)
            rows = body["records"]
            more = not body["done"] or len(rows) >= PAGE
            fresh, changed = cursor.news(rows)
            if fresh:
                after = cursor.after(rows, more=more, overlap=self._overlap, now=self._now())
                headers = {MOMENTS_HEADER: ",".join(sorted(schema.moments))}
                if changed:
                    headers[RETOLD_HEADER] = self._now().isoformat()
                return RawPage(body=answer.body, cursor=after.text, more=more, headers=headers)
            if not more or not rows:
                return RawPage(body=b"", cursor=cursor.rested(self._overlap, self._now()).text)
            position = (rows[-1]["SystemModstamp"], rows[-1]["Id"])

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by id, 2,000 a call; what is deleted or unseen comes as null and is left out."""
        schema = self._schemas.known(object_name)
        wanted = selected(schema, fields)
        found: list[Record] = []
        for start in range(0, len(ids), RETRIEVE_LIMIT):
            body = {"ids": list(ids[start : start + RETRIEVE_LIMIT]), "fields": wanted}
            rows = self._transport.send("POST", f"composite/sobjects/{object_name}", body)
            found.extend(record(object_name, row, schema) for row in rows if row and not row.get("IsDeleted"))
        return found

    def fates(self, object_name: str, ids: Iterable[str]) -> dict[str, tuple[bool, str | None]]:
        """What became of records: `{id: (is deleted, id of the survivor of a merge)}`; the unknown are left out."""
        schema = self._schemas.known(object_name)
        wanted = sorted(set(ids))
        found: dict[str, tuple[bool, str | None]] = {}
        master = ", MasterRecordId" if "MasterRecordId" in schema.fields else ""
        for start in range(0, len(wanted), 200):
            listed = ", ".join(f"'{remote_id}'" for remote_id in wanted[start : start + 200] if remote_id.isalnum())
            query = f"SELECT Id, IsDeleted{master} FROM {object_name} WHERE Id IN ({listed})"  # noqa: S608 - SOQL over ids
            rows = self._transport.get("queryAll", q=query)["records"] if listed else []
            found.update({row["Id"]: (row["IsDeleted"], row.get("MasterRecordId")) for row in rows})
        return found

    def _asked(self, object_name: str, query: str) -> Any:
        try:
            return self._transport.call("GET", "queryAll", params={"q": query})
        except SchemaDriftError:
            self._schemas.forget(object_name)
            raise


def parse(raw: Raw) -> Iterable[Event]:
    """What a query's answer tells, row by row.

    Raises:
        MalformedError: it is no answer of query or queryAll.
    """
    body = raw.json()
    if not isinstance(body, dict) or not isinstance(body.get("records"), list):
        raise MalformedError("not the answer of a Salesforce query: no list of records")
    moments = frozenset(raw.headers.get(MOMENTS_HEADER, "Occurred_At__c").split(","))
    retold = raw.headers.get(RETOLD_HEADER)
    return [_event(row, f"/records/{at}", moments, retold) for at, row in enumerate(body["records"])]


def _event(row: Any, leaf: str, moments: frozenset[str], retold: str | None) -> Event:
    object_name = _object(row)
    if object_name is None or not isinstance(row.get("Id"), str) or not isinstance(row.get("SystemModstamp"), str):
        return Unrecognised(what="a row without type, Id or SystemModstamp", leaf=leaf)
    stamp, remote_id = row["SystemModstamp"], row["Id"]
    at = moment_of(stamp)
    if row.get("IsDeleted"):
        if isinstance(row.get("MasterRecordId"), str):
            return RecordMerged(object=object_name, id=remote_id, into=row["MasterRecordId"], at=at, leaf=leaf)
        return RecordDeleted(object=object_name, id=remote_id, at=at, leaf=leaf)
    return RecordChanged(
        object=object_name,
        id=remote_id,
        values=received(row, moments),
        at=at,
        version=f"{stamp} {retold}" if retold else stamp,
        by=row.get("LastModifiedById"),
        leaf=leaf,
    )


def _object(row: Any) -> str | None:
    attributes = row.get("attributes") if isinstance(row, dict) else None
    name = attributes.get("type") if isinstance(attributes, dict) else None
    return name if isinstance(name, str) else None


def record(object_name: str, row: Mapping[str, Any], schema: Schema) -> Record:
    """One row of an answer as the contract's record."""
    stamp = row["SystemModstamp"]
    values = received(row, schema.moments)
    return Record(object=object_name, id=row["Id"], values=values, version=stamp, at=moment_of(stamp))


def selected(schema: Schema, fields: Sequence[str]) -> list[str]:
    """What a read asks for: id, what tells the record's fate where the object has it, and the mapped fields."""
    system = [name for name in SYSTEM_FIELDS if name in schema.fields]
    return list(dict.fromkeys(("Id", *system, *fields)))


def _changes_query(object_name: str, fields: Sequence[str], position: Position) -> str:
    stamp, remote_id = soql_moment(position[0]), position[1]
    if position == START:
        where = ""
    elif not remote_id:
        where = f" WHERE SystemModstamp >= {stamp}"
    else:
        where = f" WHERE SystemModstamp >= {stamp} AND (SystemModstamp > {stamp} OR Id > '{remote_id}')"
    return f"SELECT {', '.join(fields)} FROM {object_name}{where} ORDER BY SystemModstamp, Id LIMIT {PAGE}"  # noqa: S608 - SOQL, of names the org gave
