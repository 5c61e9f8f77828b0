"""Bulk 2.0 jobs: kept in the store, worked off in steps beside the requests.

Source: Bulk API 2.0 and Bulk API Developer Guide, v60.0.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import define, field

from crocevia_salesforce.simulator.clock import stamp
from crocevia_salesforce.simulator.dml import deletes, saves
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import ApiError, refuse_row
from crocevia_salesforce.simulator.ids import mint, widen
from crocevia_salesforce.simulator.schema import SObject

if TYPE_CHECKING:
    from crocevia_salesforce.simulator.org import Org

DELIMITERS = {"BACKQUOTE": "`", "CARET": "^", "COMMA": ",", "PIPE": "|", "SEMICOLON": ";", "TAB": "\t"}
MAX_CELL = 10_000_000
"""Characters of a batch, and so of a cell. Source: Bulk API guide, "Bulk API Limits", v60.0."""
_SURPLUS = "\0surplus"
"""What a row has beyond the header's columns."""
_log = logging.getLogger(__name__)
LINE_ENDINGS = {"LF": "\n", "CRLF": "\r\n"}
OPERATIONS = frozenset({"insert", "update", "upsert", "delete", "hardDelete"})
STEP_ROWS = 200
"""Rows of one transaction: the size of the chunks that the org, too, saves at once."""
_TABLES = (
    "CREATE TABLE IF NOT EXISTS sim_jobs (id TEXT PRIMARY KEY, kind TEXT, state TEXT, info BLOB)",
    "CREATE TABLE IF NOT EXISTS sim_uploads (job TEXT PRIMARY KEY, data BLOB)",
    (
        "CREATE TABLE IF NOT EXISTS sim_job_rows (job TEXT, number INTEGER, ok INTEGER, record TEXT, note TEXT, "
        "raw TEXT, PRIMARY KEY (job, number)) WITHOUT ROWID"
    ),
)


class _WrongHeaderError(Exception):
    """A CSV header names what the object has not: the whole job fails."""


@define
class Jobs:
    """The org's jobs, by id."""

    org: Org
    _readers: dict[str, Iterator[tuple[int, dict[str, str], str]]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Make the tables."""
        for sql in _TABLES:
            self.org.database.execute(sql)

    def create(self, kind: str, state: str, info: Mapping[str, Any]) -> dict[str, Any]:
        """Keep a new job and return what is told of it."""
        job_id = mint("750", self.org.database.next_number("sim_jobs"))
        now = stamp(self.org.clock.now())
        told = {
            "id": job_id,
            **info,
            "createdById": self.org.integration_user,
            "createdDate": now,
            "systemModstamp": now,
        }
        row = (job_id, kind, state, msgspec.json.encode(told))
        self.org.database.execute("INSERT INTO sim_jobs VALUES (?, ?, ?, ?)", row)
        return {**told, "state": state}

    def get(self, kind: str, job_id: str) -> dict[str, Any] | None:
        """Return what is told of a job, or None when there is none."""
        sql = "SELECT info, state FROM sim_jobs WHERE id = ? AND kind = ?"
        found = self.org.database.one(sql, (widen(job_id) or job_id, kind))
        return {**msgspec.json.decode(bytes(found[0])), "state": found[1]} if found else None

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return what is told of all jobs of a kind, oldest first."""
        rows = self.org.database.execute("SELECT info, state FROM sim_jobs WHERE kind = ? ORDER BY id", (kind,))
        return [{**msgspec.json.decode(bytes(row[0])), "state": row[1]} for row in rows]

    def change(self, job_id: str, state: str, **info: Any) -> None:
        """Put a job into another state and note what has become of it."""
        found = self.org.database.one("SELECT info FROM sim_jobs WHERE id = ?", (job_id,))
        told = {**msgspec.json.decode(bytes(found[0])), **info, "systemModstamp": stamp(self.org.clock.now())}
        sql = "UPDATE sim_jobs SET state = ?, info = ? WHERE id = ?"
        self.org.database.execute(sql, (state, msgspec.json.encode(told), job_id))

    def delete(self, job_id: str) -> None:
        """Forget a job and all of its data."""
        for table in ("sim_uploads", "sim_job_rows"):
            self.org.database.execute(f"DELETE FROM {table} WHERE job = ?", (job_id,))
        self.org.database.execute("DELETE FROM sim_cursor_rows WHERE cursor = ?", (job_id,))
        self.org.database.execute("DELETE FROM sim_jobs WHERE id = ?", (job_id,))

    def upload(self, job_id: str, data: bytes) -> None:
        """Keep a job's CSV."""
        self.org.database.execute("INSERT OR REPLACE INTO sim_uploads VALUES (?, ?)", (job_id, data))

    def reader(self, job: Mapping[str, Any]) -> csv.DictReader[str]:
        """Return a reader of a job's CSV."""
        found = self.org.database.one("SELECT data FROM sim_uploads WHERE job = ?", (job["id"],))
        raw = bytes(found[0]) if found else b""
        data = io.TextIOWrapper(io.BytesIO(raw), "utf-8-sig", "replace", newline="")
        csv.field_size_limit(MAX_CELL)
        return csv.DictReader(data, restkey=_SURPLUS, restval="", delimiter=DELIMITERS[job["columnDelimiter"]])

    def results(self, job_id: str, *, ok: bool) -> Iterator[tuple[str, str, str]]:
        """Yield record id, note (created, or the error) and the row as it was uploaded."""
        sql = "SELECT record, note, raw FROM sim_job_rows WHERE job = ? AND ok = ? ORDER BY number"
        yield from self.org.database.execute(sql, (job_id, int(ok)))

    def step(self) -> bool:
        """Work one chunk of the oldest job that waits; return whether there was one."""
        with self.org.lock:
            sql = "SELECT id, kind FROM sim_jobs WHERE state IN ('UploadComplete', 'InProgress') ORDER BY id LIMIT 1"
            found = self.org.database.one(sql)
            if found is None:
                return False
            job = self.get(found[1], found[0])
            if job is not None:
                self._work(job, found[1])
            return True

    def _work(self, job: Mapping[str, Any], kind: str) -> None:
        """Work a job's next chunk; whatever goes wrong fails this job alone, and the others go on."""
        try:
            (self._ingest if kind == "ingest" else self._query)(job)
        except ApiError as error:
            self.change(job["id"], "Failed", errorMessage=f"{error.refusals[0].code} : {error.refusals[0].message}")
        except Exception:  # noqa: BLE001  # a fault of the simulator itself must not stop the jobs behind it; it is logged
            _log.exception("the simulated org could not work job %s", job["id"])
            self.change(job["id"], "Failed", errorMessage="UNKNOWN_EXCEPTION : An unexpected error occurred.")

    def _query(self, job: Mapping[str, Any]) -> None:
        plan = self.org.runner.plan(self.org.visible, job["query"], all_rows=job["operation"] == "queryAll")
        with self.org.database.transaction():
            total = self.org.runner.snapshot(plan, job["id"])
            self.change(job["id"], "JobComplete", numberRecordsProcessed=total)

    def _ingest(self, job: Mapping[str, Any]) -> None:
        sobject = self.org.visible.get(job["object"])
        if sobject is None:  # it was there when the job was opened
            self.change(job["id"], "Failed", errorMessage=f"InvalidEntity : entity {job['object']} is not supported")
            return
        try:
            rows = self._chunk(job, sobject)
        except (_WrongHeaderError, csv.Error, UnicodeDecodeError) as error:
            self.change(job["id"], "Failed", errorMessage=f"InvalidBatch : {error}")
            return
        if not rows:
            self._readers.pop(job["id"], None)
            self.change(job["id"], "JobComplete")
            return
        with self.org.saving(self.org.api_actor) as work:
            failed = sum(not self._save(work, job, sobject, *row) for row in rows)
            processed = job.get("numberRecordsProcessed", 0) + len(rows)
            failures = job.get("numberRecordsFailed", 0) + failed
            self.change(job["id"], "InProgress", numberRecordsProcessed=processed, numberRecordsFailed=failures)

    def _chunk(self, job: Mapping[str, Any], sobject: SObject) -> list[tuple[int, dict[str, str], str]]:
        """Return the next rows; after a restart the reader begins anew and skips those that are done."""
        reader = self._readers.get(job["id"])
        if reader is None:
            reader = self._readers[job["id"]] = self._open(job, sobject)
            done = job.get("numberRecordsProcessed", 0)
            for _ in range(done):
                next(reader)
        return list(islice(reader, STEP_ROWS))

    def _open(self, job: Mapping[str, Any], sobject: SObject) -> Iterator[tuple[int, dict[str, str], str]]:
        reader = self.reader(job)
        names = [name.lower() for name in reader.fieldnames or []]
        if repeated := next((name for name in names if names.count(name) > 1), None):
            raise _WrongHeaderError(f"Duplicate field name in the header : {repeated}")
        for name in reader.fieldnames or []:
            head = name.split(".")[0]
            if sobject.field(name) is None and not ("." in name and sobject.by_relationship(head)):
                raise _WrongHeaderError(f"Field name not found : {name}")
        return _numbered(reader)

    def _save(
        self, work: Work, job: Mapping[str, Any], sobject: SObject, number: int, row: dict[str, str], raw: str
    ) -> bool:
        record_id = ""
        try:
            with work.transaction():
                record_id, created = apply(work, job, sobject, record_of(row))
            kept = (job["id"], number, 1, record_id, "true" if created else "false", raw)
        except ApiError as error:
            kept = (job["id"], number, 0, row.get("Id", ""), told(error), raw)
        self.org.database.execute("INSERT INTO sim_job_rows VALUES (?, ?, ?, ?, ?, ?)", kept)
        return bool(kept[2])


def _numbered(reader: csv.DictReader[str]) -> Iterator[tuple[int, dict[str, str], str]]:
    for number, row in enumerate(reader):
        surplus = row.pop(_SURPLUS, None)
        if surplus:
            raise _WrongHeaderError(f"Row {number + 1} has {len(surplus)} more cells than the header")
        text = io.StringIO()
        csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="").writerow(
            row.get(name) or "" for name in reader.fieldnames or []
        )
        yield number, row, text.getvalue()


def told(error: ApiError) -> str:
    """Return an error as a CSV of results has it: ``CODE:message:fields --``."""
    return ";".join(f"{one.code}:{one.message}:{' '.join(one.fields or ())} --" for one in error.refusals)


def apply(work: Work, job: Mapping[str, Any], sobject: SObject, record: Mapping[str, Any]) -> tuple[str, bool]:
    """Save one record of a job; return its id and whether it is new.

    Raises:
        ApiError: What is wrong with it.
    """
    operation = job["operation"]
    if operation == "insert":
        return saves.create(work, sobject, record), True
    if operation == "upsert":
        by = saves.key_field(sobject, job["externalIdFieldName"])
        key = next((value for name, value in record.items() if name.lower() == by.name.lower()), None)
        if key is None and by.name != "Id":
            raise refuse_row("MISSING_ARGUMENT", f"{by.name} not specified", by.name)
        return saves.upsert(work, sobject, by, key, record)
    record_id = widen(next((value for name, value in record.items() if name.lower() == "id"), None))
    if record_id is None:
        raise refuse_row("MISSING_ARGUMENT", "Id not specified", "Id")
    if operation == "update":
        saves.update(work, sobject, record_id, {name: v for name, v in record.items() if name.lower() != "id"})
    else:
        deletes.delete(work, sobject, record_id)
        if operation == "hardDelete":
            deletes.purge(work, sobject, record_id)
    return record_id, False


def record_of(row: Mapping[str, str]) -> dict[str, Any]:
    """Return a CSV row as a record: an empty cell says nothing, ``#N/A`` is null, dots lead to a parent's key."""
    record: dict[str, Any] = {}
    for name, text in row.items():
        if text in ("", None):
            continue
        value = None if text == "#N/A" else text
        parent, _, key = name.partition(".")
        record[parent] = {key: value} if key else value
    return record
