"""Bulk 2.0: thousands of rows as one job, which the org works off by itself.

A job is known by what it holds: each row carries our key and revision, and the org's results repeat them. So a process
that was killed finds its job again among the org's, and takes its results instead of writing the rows anew; no memory
of ours is needed. A job whose results were taken is deleted at the next write, when they are in the store.

Source, of everything here: Bulk API 2.0 and Bulk API Developer Guide, v60.0.
"""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field, frozen

from crocevia import Written
from crocevia.errors import GoneError, RejectedError, RemoteError, RetryableError, SchemaDriftError
from crocevia_salesforce.batches import Row
from crocevia_salesforce.refusals import Circumstances, of_row
from crocevia_salesforce.transport import Transport

JOB_CHARACTERS = 30_000_000
"""An upload may have 100 MB, and results repeat it: this keeps an answer below what one call may hold here."""
CLEARED = "#N/A"
"""What a cell says to clear a field; an empty one leaves it as it is."""
FIRST_WAIT_S = 0.25
LONGEST_WAIT_S = 15.0
PATIENCE_S = 600.0
"""After that the rows wait for the next try, which finds the job again."""
_LOOK_BACK = timedelta(days=1)
_ENDED = ("JobComplete", "Failed", "Aborted")
_UPLOADED = ("UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted")
_NO_FIELD = "Field name not found"
Stamp = tuple[str, str]
"""Our key, or the remote id, and our revision: what a row of a job is known by."""


@frozen
class Job:
    """One ingest job; `found` in the org, where it may be another program's."""

    id: str
    object: str
    operation: str
    found: bool = False


@define
class Bulk:
    """Ingest jobs of one org.

    Attributes:
        now: Our clock.
        monotonic_s: Seconds that never go back.
        wait: Waits on an event so many seconds.
        key_field: External id of upserts.
        revision_field: Where our revision is stamped; rows without one are never taken from an older job.
    """

    transport: Transport
    now: Callable[[], datetime]
    monotonic_s: Callable[[], float]
    wait: Callable[[threading.Event, float], object]
    key_field: str
    revision_field: str
    _done: dict[str, Job] = field(factory=dict, init=False)
    _open: dict[str, Job] = field(factory=dict, init=False)
    _looked: bool = field(default=False, init=False)

    def write(self, object_name: str, operation: str, rows: Sequence[Row]) -> list[RemoteError]:
        """Give each row its outcome; return what failed as a whole. All rows are of one object and operation."""
        failures: list[RemoteError] = []
        try:
            left = self._resumed(object_name, operation, rows)
        except RemoteError as error:
            return _all(rows, error)
        for some in _jobs(left):
            try:
                self._take(self._submitted(object_name, operation, some), some)
            except RemoteError as error:
                failures += _all([row for row in some if row.outcome is None], error)
        return failures

    # --- jobs of before ---------------------------------------------------------------------------------------------

    def _resumed(self, object_name: str, operation: str, rows: Sequence[Row]) -> list[Row]:
        """Take what a job of before a crash, or one that took too long, says of these rows; return the others."""
        if not self._looked:
            self._open.update({job.id: job for job in self._found()})
            self._looked = True
        for job in [job for job in self._open.values() if (job.object, job.operation) == (object_name, operation)]:
            self._take(job, rows)
        return [row for row in rows if row.outcome is None]

    def _found(self) -> Iterator[Job]:
        """Jobs of the last day that may be ours, and whose results nobody has taken.

        One that was never closed holds nothing that the org has worked; it ends by itself after a week.
        """
        since = (self.now() - _LOOK_BACK).isoformat()[:19]
        body: Mapping[str, Any] = self.transport.get("jobs/ingest", jobType="V2Ingest")
        while True:
            for told in body["records"]:
                keyed = told.get("externalIdFieldName") == self.key_field and told["state"] in _UPLOADED
                changed = told["operation"] in ("update", "delete") and told["state"] in _ENDED
                if (keyed or changed) and told["createdDate"] >= since:
                    yield Job(told["id"], told["object"], told["operation"], found=True)
            if not (following := body.get("nextRecordsUrl")):
                return
            body = self.transport.get(following)

    def forget_done(self) -> None:
        """Delete jobs whose results are in the store since."""
        for job in list(self._done.values()):
            try:
                self.transport.call("DELETE", f"jobs/ingest/{job.id}")
            except RetryableError:
                return  # next time: nothing hangs on it
            except RemoteError:
                pass  # somebody else has deleted it
            del self._done[job.id]

    # --- one job ----------------------------------------------------------------------------------------------------

    def _submitted(self, object_name: str, operation: str, rows: Sequence[Row]) -> Job:
        """Open a job, upload its rows and close it: three calls."""
        about = {"object": object_name, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}
        if operation == "upsert":
            about["externalIdFieldName"] = self.key_field
        made = self.transport.send("POST", "jobs/ingest", about)
        job = Job(made["id"], object_name, operation)
        self.transport.send("PUT", f"jobs/ingest/{job.id}/batches", self._csv(operation, rows))
        self._open[job.id] = job  # from here on it may have been closed, whatever the answer
        self._close(job)
        return job

    def _close(self, job: Job) -> None:
        self.transport.send("PATCH", f"jobs/ingest/{job.id}", {"state": "UploadComplete"})

    def _take(self, job: Job, rows: Sequence[Row]) -> None:
        """Wait for a job, and give its rows among these their outcomes. Raises RetryableError: it is not done yet."""
        told = self._ended(job)
        by_stamp = {stamp: row for row in rows if row.outcome is None and (stamp := self._stamp(job, row))}
        ours = not job.found
        for kind, read in (("successfulResults", self._saved), ("failedResults", self._refused)):
            for result in _results(self.transport.call("GET", f"jobs/ingest/{job.id}/{kind}").body):
                row = by_stamp.get(self._stamp_of(job, result))
                if row is not None:
                    row.outcome, ours = read(row, result), True
        self._open.pop(job.id, None)
        if ours:
            self._done[job.id] = job
        if told["state"] != "JobComplete" and not job.found:
            failed = self._failed(job, told)
            for row in rows:
                row.outcome = row.outcome or failed

    def _ended(self, job: Job) -> Mapping[str, Any]:
        wait, deadline = FIRST_WAIT_S, self.monotonic_s() + PATIENCE_S
        while True:
            told: Mapping[str, Any] = self.transport.get(f"jobs/ingest/{job.id}")
            if told["state"] in _ENDED:
                return told
            if told["state"] == "Open":  # closing it got no answer, or was refused
                self._close(job)
            if self.monotonic_s() > deadline:
                msg = f"{self.transport.connection}: job {job.id} ({job.object}) is not done yet: it is looked at again"
                raise RetryableError(msg)
            self.wait(threading.Event(), wait)
            wait = min(wait * 2, LONGEST_WAIT_S)

    def _saved(self, row: Row, result: Mapping[str, str]) -> Written:
        return Written(id=result["sf__Id"], created=result["sf__Created"] == "true")

    def _refused(self, row: Row, result: Mapping[str, str]) -> RemoteError | Written:
        where = Circumstances(
            connection=self.transport.connection,
            subject=row.subject,
            values=row.values,
            key_field=self.key_field if row.operation == "upsert" else None,
        )
        error = of_row(_errors(result["sf__Error"]), where)
        if row.operation == "delete" and row.id and isinstance(error, GoneError):
            return Written(id=row.id)
        return error

    def _failed(self, job: Job, told: Mapping[str, Any]) -> RemoteError:
        """What a job that failed as a whole means for rows that were not worked."""
        connection, reason = self.transport.connection, str(told.get("errorMessage") or told["state"])
        said = f"{connection}: job {job.id} of {job.object} ended as {told['state']}"
        if _NO_FIELD in reason:
            name = reason.rpartition(":")[2].strip()
            step = f"{name} is not as it was described: look at the field and its permission, then `crocevia check`"
            return SchemaDriftError(f"{said}: {step}", fields=(name.partition(".")[0],), code="INVALID_FIELD")
        if told["state"] == "Aborted":
            return RetryableError(f"{said}: its rows are written by another one")
        code = reason.partition(" : ")[0]
        return RejectedError(f"{said} ({code}): look at it in the org's Bulk Data Load Jobs, then replay", code=code)

    # --- rows -------------------------------------------------------------------------------------------------------

    def _csv(self, operation: str, rows: Sequence[Row]) -> bytes:
        identity = self.key_field if operation == "upsert" else "Id"
        cells = [{**_cells(row.values), identity: _identity(row)} for row in rows]
        names = list(dict.fromkeys((identity, *(name for row in cells for name in row))))
        names = [identity] if operation == "delete" else names
        text = io.StringIO()
        writer = csv.DictWriter(text, names, restval="", extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(cells)
        return text.getvalue().encode()

    def _stamp(self, job: Job, row: Row) -> Stamp | None:
        """What the row is known by; a delete needs no revision."""
        revision = row.values.get(self.revision_field)
        if revision is None and job.found and job.operation != "delete":
            return None
        return _identity(row), "" if revision is None else str(revision)

    def _stamp_of(self, job: Job, result: Mapping[str, str]) -> Stamp:
        identity = result.get(self.key_field if job.operation == "upsert" else "Id") or ""
        return identity, (result.get(self.revision_field) or "").removesuffix(".0")


def fits(row: Row) -> bool:
    """Whether a row can be said in CSV: a text that reads as "clear this field" cannot."""
    return not any(value in (CLEARED, "") for value in row.values.values())


def _identity(row: Row) -> str:
    return row.key if row.operation == "upsert" else row.id or ""


def _cells(values: Mapping[str, Any]) -> dict[str, str]:
    """Values as cells: a parent that is named by its key has a column `Contact__r.Key`."""
    found: dict[str, str] = {}
    for name, value in values.items():
        if isinstance(value, dict):
            found.update({f"{name}.{inner}": str(text) for inner, text in value.items()})
        elif isinstance(value, bool):
            found[name] = "true" if value else "false"
        else:
            found[name] = CLEARED if value is None else str(value)
    return found


def _jobs(rows: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows in as many jobs as their size asks for."""
    some: list[Row] = []
    characters = 0
    for row in rows:
        if some and characters + row.size > JOB_CHARACTERS:
            yield some
            some, characters = [], 0
        some.append(row)
        characters += row.size
    if some:
        yield some


def _results(body: bytes) -> Iterator[Mapping[str, str]]:
    csv.field_size_limit(max(csv.field_size_limit(), JOB_CHARACTERS))
    return csv.DictReader(io.TextIOWrapper(io.BytesIO(body), "utf-8", newline=""))


def _errors(text: str) -> Iterable[Mapping[str, Any]]:
    """`CODE:message:fields --`, several separated by semicolons, as the refusals that REST would tell."""
    code, _, rest = text.partition(":")
    message, _, named = rest.removesuffix(" --").rpartition(":")
    return [{"statusCode": code, "message": message, "fields": named.split()}]


def _all(rows: Iterable[Row], error: RemoteError) -> list[RemoteError]:
    for row in rows:
        row.outcome = error
    return [error]
