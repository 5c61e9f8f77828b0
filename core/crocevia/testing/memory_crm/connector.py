"""A connector over the in-memory CRM."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar

from attrs import frozen

from crocevia.connector import (
    Connector,
    Finding,
    FindsKeys,
    MergesRecords,
    ReadsRecords,
    ReportsUsage,
    Usage,
    WritesRecords,
)
from crocevia.errors import MalformedError
from crocevia.mapping import ObjectMapping
from crocevia.model import (
    ContactPoint,
    Event,
    ObjectSchema,
    Outcome,
    ParseContext,
    Raw,
    RawPage,
    Record,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Unrecognised,
    Write,
    from_us,
    to_us,
)
from crocevia.secret import Secret
from crocevia.testing.memory_crm.row import Row
from crocevia.testing.memory_crm.schema import EMAIL, KEY, LEAD, PERSON, PHONES, ROWS, mappings
from crocevia.testing.memory_crm.server import MemoryCRM

_DIGITS = 8
_TOKEN = Secret("memory")


@frozen
class MemoryCRMSettings:
    """Nothing has to be set."""

    token: Secret = _TOKEN


class MemoryCRMConnector(
    Connector[MemoryCRMSettings], ReadsRecords, WritesRecords, FindsKeys, MergesRecords, ReportsUsage
):
    """Reads and writes one MemoryCRM, in this process."""

    kind = "memory_crm"
    leaf_paths = ("records.*",)
    server: ClassVar[MemoryCRM]

    def check(self) -> Iterable[Finding]:
        """It is always there."""
        return [Finding(level="ok", what="memory CRM")]

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """`Person` (and `Lead`) to profiles, `Touch` to interactions."""
        server = self.server
        return mappings(lossy=server.lossy, keyed=server.keyed, customers=server.customers, leads=server.leads)

    def describe(self, object_name: str) -> ObjectSchema:
        """As the CRM describes it. Raises SchemaDriftError when there is no such object."""
        self.server.called("describe", object_name, 1)
        return self.server.schema(object_name)

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """One page in the order (stamp, id). A round that has reached the end starts again `overlap` earlier.

        The cursor is JSON: where the page ended, the newest stamp of all, and the versions already told since
        the overlap began, so that a round without news gives an empty page.
        """
        server = self.server
        server.schema(object_name)
        at_us, after, told = json.loads(cursor) if cursor else (0, "", [])
        server.called("changes", object_name, 1)
        with server.lock:
            rows = [row for row in server.rows(object_name) if (to_us(row.at), row.id) > (at_us, after)]
            page, more = rows[: server.page_limit], len(rows) > server.page_limit
            fresh = [row for row in page if row.version not in told]
            body = json.dumps({"records": [_shown(row, fields) for row in fresh]}).encode() if fresh else b""
            if page:
                at_us, after = to_us(page[-1].at), page[-1].id
            told = [*told, *(row.version for row in fresh)]
            if not more and after:
                at_us, after = max(0, at_us - server.overlap // timedelta(microseconds=1)), ""
                recent = {row.version for row in server.rows(object_name) if to_us(row.at) >= at_us}
                told = [version for version in told if version in recent]
        return RawPage(body=body, cursor=json.dumps([at_us, after, told]), more=more)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """One event for each row of a page; `raw.stream` is the object."""
        body = raw.json()
        rows = body.get("records") if isinstance(body, dict) else None
        if not isinstance(rows, list):
            msg = "a page of the memory CRM is an object with a list of records"
            raise MalformedError(msg)
        for index, row in enumerate(rows):
            yield _event(raw.stream, row, f"/records/{index}")

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """One call, whatever the number of ids."""
        self.server.called("fetch", object_name, len(ids))
        with self.server.lock:
            wanted = set(ids)
            rows = self.server.rows(object_name)
            return [_record(row, fields) for row in rows if row.id in wanted and not row.deleted]

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """One call. Phone numbers match by their last eight digits, with or without a country; the rest exactly."""
        self.server.called("find", object_name, len(points))
        wanted = {_sought(point.kind, point.value): point for point in points}
        found: dict[ContactPoint, list[Record]] = {}
        with self.server.lock:
            for row in self.server.rows(object_name) if object_name in (PERSON, LEAD) else ():
                for point in {wanted[said] for said in _held(row) if said in wanted}:
                    found.setdefault(point, []).append(_record(row, fields))
        return found

    def find_keys(self, object_name: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """One call, whatever the number of keys."""
        self.server.called("find", object_name, len(keys))
        with self.server.lock:
            rows = self.server.rows(object_name)
            return [_record(row, fields) for row in rows if row.values.get(KEY) in keys and not row.deleted]

    def usage(self) -> Usage | None:
        """As the CRM says now; None where it says nothing."""
        return self.server.gauge

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """One call, an outcome per row."""
        return self.server.write(batch)

    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        """One call."""
        self.server.merge_records(object_name, survivor_id, loser_ids)


def bound(server: MemoryCRM, kind: str) -> type[MemoryCRMConnector]:
    """A class of its own for one CRM, since a connector declares what it can do on its class."""
    declared = {
        "server": server,
        "kind": kind,
        "write_limit": server.write_limit,
        "idempotent_upsert": server.keyed and server.idempotent,
        "conditional_write": server.conditional_write,
        "finds_keys": server.finds_keys,
    }
    return type("MemoryCRMConnector", (MemoryCRMConnector,), declared)


def _shown(row: Row, fields: Sequence[str]) -> dict[str, Any]:
    shown: dict[str, Any] = {"id": row.id, "version": row.version, "at_us": to_us(row.at), "by": row.by}
    if row.deleted:
        return {**shown, "deleted": True, "merged_into": row.merged_into}
    return {**shown, "values": {name: row.values[name] for name in fields}}


def _record(row: Row, fields: Sequence[str]) -> Record:
    values = {name: row.values[name] for name in fields}
    return Record(object=row.object, id=row.id, values=values, version=row.version, at=row.at)


def _event(object_name: str, row: Any, leaf: str) -> Event:
    match row:
        case {"id": str(id), "at_us": int(at_us), "deleted": True, "merged_into": str(into)}:
            return RecordMerged(object=object_name, id=id, into=into, at=from_us(at_us), leaf=leaf)
        case {"id": str(id), "at_us": int(at_us), "deleted": True}:
            return RecordDeleted(object=object_name, id=id, at=from_us(at_us), leaf=leaf)
        case {"id": str(id), "at_us": int(at_us), "version": str(version), "values": dict(values)}:
            by = row.get("by")
            return RecordChanged(
                object=object_name, id=id, values=values, at=from_us(at_us), version=version, by=by, leaf=leaf
            )
        case _:
            return Unrecognised(what="a record of unknown shape", leaf=leaf)


def _held(row: Row) -> Iterable[tuple[str, str]]:
    """What a search by contact point would find a row by."""
    if row.deleted:
        return
    rows = [(kind, text) for kind, text in row.values.get(ROWS) or ()]
    rows += [(name, row.values[name]) for name in (*PHONES, EMAIL) if row.values.get(name)]
    for kind, text in rows:
        yield _sought("phone" if kind in PHONES else "email", text)


def _sought(kind: str, text: str) -> tuple[str, str]:
    """Numbers are compared by their last digits, since people write them with and without a country."""
    return kind, re.sub(r"\D", "", text)[-_DIGITS:] if kind == "phone" else text.strip().lower()
