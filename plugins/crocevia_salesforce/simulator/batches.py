"""Batches of Bulk API 1 jobs: kept in the store, worked off in steps beside the requests, as those of Bulk 2.0 are.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Bulk API", v60.0.
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
from crocevia_salesforce.simulator.dml.work import Work
from crocevia_salesforce.simulator.errors import ApiError, refuse_row
from crocevia_salesforce.simulator.ids import mint, widen
from crocevia_salesforce.simulator.jobs import STEP_ROWS, apply, record_of, told
from crocevia_salesforce.simulator.schema import SObject

if TYPE_CHECKING:
    from crocevia_salesforce.simulator.org import Org

QUERIES = frozenset({"query", "queryAll"})
MAX_ROWS = 10_000
"""Records of one batch. Source: Bulk API guide, "Bulk API Limits", v60.0."""
_TABLE = (
    "CREATE TABLE IF NOT EXISTS sim_batches "
    "(id TEXT PRIMARY KEY, job TEXT, state TEXT, message TEXT, at TEXT, done TEXT, processed INTEGER, failed INTEGER, "
    "data BLOB)"
)
_log = logging.getLogger(__name__)


@define
class Batches:
    """The batches of all Bulk 1 jobs. The jobs themselves are kept with those of Bulk 2.0, as kind ``bulk1``."""

    org: Org
    _readers: dict[str, Iterator[dict[str, Any]]] = field(factory=dict)

    def __attrs_post_init__(self) -> None:
        """Make the table."""
        self.org.database.execute(_TABLE)

    def add(self, job_id: str, data: bytes) -> str:
        """Keep a batch to be worked and return its id."""
        batch_id = mint("751", self.org.database.next_number("sim_batches"))
        now = stamp(self.org.clock.now())
        row = (batch_id, job_id, "Queued", None, now, now, 0, 0, data)
        self.org.database.execute("INSERT INTO sim_batches VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)
        return batch_id

    def get(self, job_id: str, batch_id: str) -> dict[str, Any] | None:
        """Return a batch of a job by the names of its columns, or None."""
        sql = "SELECT * FROM sim_batches WHERE id = ? AND job = ?"
        found = self.org.database.one(sql, (widen(batch_id) or batch_id, job_id))
        return dict(found) if found else None

    def of(self, job_id: str) -> list[dict[str, Any]]:
        """Return the batches of a job, oldest first."""
        rows = self.org.database.execute("SELECT * FROM sim_batches WHERE job = ? ORDER BY id", (job_id,))
        return [dict(row) for row in rows]

    def abort(self, job_id: str) -> None:
        """Leave undone what a job has not begun."""
        sql = "UPDATE sim_batches SET state = 'NotProcessed' WHERE job = ? AND state = 'Queued'"
        self.org.database.execute(sql, (job_id,))

    def results(self, batch_id: str) -> list[tuple[str, bool, bool, str]]:
        """Return of each row its record's id, whether it was saved, whether created, and its error."""
        sql = "SELECT record, ok, note FROM sim_job_rows WHERE job = ? ORDER BY number"
        rows = self.org.database.execute(sql, (batch_id,))
        return [(row[0], bool(row[1]), bool(row[1]) and row[2] == "true", "" if row[1] else row[2]) for row in rows]

    def step(self) -> bool:
        """Work one chunk of the oldest batch that waits; return whether there was one."""
        with self.org.lock:
            sql = "SELECT * FROM sim_batches WHERE state IN ('Queued', 'InProgress') ORDER BY id LIMIT 1"
            found = self.org.database.one(sql)
            if found is None:
                return False
            batch = dict(found)
            try:
                self._work(batch, self.org.jobs.get("bulk1", batch["job"]) or {})
            except ApiError as error:
                self._change(batch["id"], "Failed", f"InvalidBatch : {error.refusals[0].message}")
            except Exception:  # noqa: BLE001  # a fault of the simulator itself must not stop the batches behind it; it is logged
                _log.exception("the simulated org could not work batch %s", batch["id"])
                self._change(batch["id"], "Failed", "InternalServerError : An unexpected error occurred.")
            return True

    def _change(self, batch_id: str, state: str, message: str | None = None) -> None:
        sql = "UPDATE sim_batches SET state = ?, message = ?, done = ? WHERE id = ?"
        self.org.database.execute(sql, (state, message, stamp(self.org.clock.now()), batch_id))

    def _work(self, batch: Mapping[str, Any], job: Mapping[str, Any]) -> None:
        if job["operation"] in QUERIES:
            plan = self.org.runner.plan(
                self.org.visible, batch["data"].decode("utf-8", "replace"), all_rows=job["operation"] == "queryAll"
            )
            total = self.org.runner.snapshot(plan, batch["id"])
            self.org.database.execute("UPDATE sim_batches SET processed = ? WHERE id = ?", (total, batch["id"]))
            self._change(batch["id"], "Completed")
            return
        sobject = self.org.visible.get(job["object"])
        if sobject is None:  # it was there when the job was opened
            raise refuse_row("InvalidEntity", f"entity {job['object']} is not supported")
        rows = self._chunk(batch, job)
        if not rows:
            self._readers.pop(batch["id"], None)
            self._change(batch["id"], "Completed")
            return
        with self.org.saving(self.org.api_actor) as work:
            start = batch["processed"]
            failed = sum(
                not self._save(work, job, sobject, (batch["id"], start + at), row) for at, row in enumerate(rows)
            )
            sql = "UPDATE sim_batches SET state = 'InProgress', processed = ?, failed = failed + ? WHERE id = ?"
            self.org.database.execute(sql, (start + len(rows), failed, batch["id"]))

    def _chunk(self, batch: Mapping[str, Any], job: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Return the next rows; after a restart the reader begins anew and skips those that are done."""
        reader = self._readers.get(batch["id"])
        if reader is None:
            given = _json_rows(batch["data"]) if job["contentType"] == "JSON" else _csv_rows(batch["data"])
            if len(given) > MAX_ROWS:
                raise refuse_row("InvalidBatch", f"Records not processed: more than {MAX_ROWS} in a batch")
            reader = self._readers[batch["id"]] = iter(given[batch["processed"] :])
        return list(islice(reader, STEP_ROWS))

    def _save(
        self, work: Work, job: Mapping[str, Any], sobject: SObject, key: tuple[str, int], record: dict[str, Any]
    ) -> bool:
        try:
            with work.transaction():
                record_id, created = apply(work, job, sobject, record)
            kept = (*key, 1, record_id, "true" if created else "false", "")
        except ApiError as error:
            kept = (*key, 0, "", told(error), "")
        self.org.database.execute("INSERT INTO sim_job_rows VALUES (?, ?, ?, ?, ?, ?)", kept)
        return bool(kept[2])


def _csv_rows(data: bytes) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), restkey="", restval="")
        rows = list(reader)
    except (csv.Error, UnicodeDecodeError) as error:
        raise refuse_row("InvalidBatch", f"Failed to parse CSV: {error}") from error
    if any("" in row for row in rows):
        raise refuse_row("InvalidBatch", "Failed to parse CSV: a row has more cells than the header")
    return [record_of(row) for row in rows]


def _json_rows(data: bytes) -> list[dict[str, Any]]:
    try:
        rows = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise refuse_row("InvalidBatch", f"Failed to parse JSON: {error}") from error
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise refuse_row("InvalidBatch", "Failed to parse JSON: a list of records is wanted")
    return rows
