"""Reading records by id, and how a row of an answer becomes a record."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import quote

from attrs import define

from crocevia import Record
from crocevia_salesforce import children
from crocevia_salesforce.schemas import Schema, Schemas
from crocevia_salesforce.transport import Transport
from crocevia_salesforce.values import SYSTEM_FIELDS, moment_of, received

RETRIEVE_LIMIT = 2_000
"""Ids one call fetches. Source: REST API guide v60.0, "Get Records with sObject Collections"."""
IDS_A_QUERY = 450
"""So many ids fit in an address of 16,384 bytes. Source: REST API guide v60.0, "Query": 414 beyond it."""


@define
class Reads:
    """Reads one org.

    Attributes:
        transport: The road.
        schemas: Which fields an object has.
        now: Our clock.
    """

    transport: Transport
    schemas: Schemas
    now: Callable[[], datetime]

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by id, 2,000 a call, their child rows in the same one; what is deleted or unseen is left out."""
        schema = self.schemas.known(object_name)
        wanted = [name for name in selected(schema, fields) if name in schema.fields]
        lookup = children.PARENTS[object_name] if children.RELATIONSHIP in fields else None
        found: list[Record] = []
        for start in range(0, len(ids), RETRIEVE_LIMIT):
            some = ids[start : start + RETRIEVE_LIMIT]
            rows, of = self._retrieved(object_name, some, wanted, lookup)
            for row in rows:
                if row and not row.get("IsDeleted"):
                    told = {**row, children.RELATIONSHIP: of.get(row["Id"], [])} if lookup else row
                    found.append(record(object_name, told, schema, self.now()))
        return found

    def _retrieved(
        self, object_name: str, ids: Sequence[str], fields: list[str], lookup: str | None
    ) -> tuple[list[Any], dict[str, list[Any]]]:
        """Rows by id, and the child rows of each: one call."""
        path, body = f"composite/sobjects/{object_name}", {"ids": list(ids), "fields": fields}
        if lookup is None:
            return self.transport.send("POST", path, body), {}
        root = self.transport.root
        paths = [f"query?q={quote(query, safe='')}" for query in _children_queries(lookup, ids)]
        subrequests: list[dict[str, Any]] = [
            {"method": "POST", "url": f"{root}/{path}", "referenceId": "rows", "body": body},
            *({"method": "GET", "url": f"{root}/{one}", "referenceId": f"of{at}"} for at, one in enumerate(paths)),
        ]
        answer = self.transport.send("POST", "composite", {"compositeRequest": subrequests})
        rows, *told = self.transport.parts([path, *paths], answer)
        found: dict[str, list[Any]] = {}
        for part in told:
            for child in self.transport.pages(part):
                found.setdefault(child[lookup], []).append(child)
        return rows, found

    def children_of(self, lookup: str, ids: Iterable[str]) -> Iterator[Mapping[str, Any]]:
        """The living child rows of these records."""
        for query in _children_queries(lookup, list(ids)):
            yield from self.transport.pages(self.transport.get("query", q=query))

    def pointing(self, object_name: str, field: str, ids: Iterable[str]) -> Iterator[str]:
        """Those of the ids that a living record of the object points to by this field."""
        for listed in _listed(list(ids)):
            query = f"SELECT {field} FROM {object_name} WHERE {field} IN ({listed})"  # noqa: S608 - SOQL over ids
            for row in self.transport.pages(self.transport.get("query", q=query)):
                yield row[field]

    def fates(self, object_name: str, ids: Iterable[str]) -> dict[str, tuple[bool, str | None]]:
        """What became of records: `{id: (is deleted, id of the survivor of a merge)}`; the unknown are left out."""
        schema = self.schemas.known(object_name)
        found: dict[str, tuple[bool, str | None]] = {}
        master = ", MasterRecordId" if "MasterRecordId" in schema.fields else ""
        for listed in _listed(sorted(set(ids))):
            query = f"SELECT Id, IsDeleted{master} FROM {object_name} WHERE Id IN ({listed})"  # noqa: S608 - SOQL over ids
            rows = self.transport.pages(self.transport.get("queryAll", q=query))
            found.update({row["Id"]: (row["IsDeleted"], row.get("MasterRecordId")) for row in rows})
        return found


def record(object_name: str, row: Mapping[str, Any], schema: Schema, now: datetime) -> Record:
    """One row of an answer as the contract's record.

    With child rows, whose changes do not move the record's stamp, the moment of reading is part of the version.
    """
    stamp = row["SystemModstamp"]
    version = f"{stamp} {now.isoformat()}" if children.RELATIONSHIP in row else stamp
    values = received(row, schema.moments)
    return Record(object=object_name, id=row["Id"], values=values, version=version, at=moment_of(stamp))


def selected(schema: Schema, fields: Sequence[str]) -> list[str]:
    """What a query asks for: id, what tells the record's fate where the object has it, and the mapped fields."""
    system = [name for name in SYSTEM_FIELDS if name in schema.fields]
    return list(dict.fromkeys(("Id", *system, *map(_item, fields))))


def listed(ids: Iterable[str]) -> str:
    """Ids as SOQL lists them; what is none is left out."""
    return ", ".join(f"'{remote_id}'" for remote_id in ids if remote_id.isascii() and remote_id.isalnum())


def _item(name: str) -> str:
    if name != children.RELATIONSHIP:
        return name
    columns = ", ".join(children.COLUMNS)
    return f"(SELECT {columns} FROM {name} WHERE IsDeleted = false ORDER BY Id)"  # noqa: S608 - SOQL, of names of ours


def _children_queries(lookup: str, ids: Sequence[str]) -> list[str]:
    names = ", ".join(("Id", lookup, *children.COLUMNS))
    head = f"SELECT {names} FROM {children.OBJECT} WHERE {lookup} IN"  # noqa: S608 - SOQL over ids
    return [f"{head} ({some})" for some in _listed(ids)]


def _listed(ids: Sequence[str]) -> Iterator[str]:
    for start in range(0, len(ids), IDS_A_QUERY):
        if some := listed(ids[start : start + IDS_A_QUERY]):
            yield some
