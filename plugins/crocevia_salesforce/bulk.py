"""Bulk 2.0: thousands of rows as one job, which the org works off by itself, for hours if it must.

A job is waited for some seconds; then its rows are told to be underway, and the connection goes on with everything
else until a look at the job, now and then, says that it has ended. What changes of a record whose row a job still
holds waits for that job, so that the older value does not come last.

A job is known by what it holds: each row carries our key and revision, and the org's results repeat them. So a process
that was killed finds its job again among the org's, and takes its results instead of writing the rows anew; no memory
of ours is needed. A job whose results were taken is deleted at the next write, when they are in the store.

Source, of everything here: Bulk API 2.0 and Bulk API Developer Guide, v60.0.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from attrs import define, field

from crocevia import Written
from crocevia.errors import GoneError, RejectedError, RemoteError, RetryableError, SchemaDriftError, UnderwayError
from crocevia_salesforce import cells
from crocevia_salesforce.batches import Row
from crocevia_salesforce.refusals import Circumstances, of_row
from crocevia_salesforce.transport import Transport

PATIENCE_S = 5.0
"""So long one write waits for its jobs; the connection has other work too."""
FIRST_LOOK_S, LONGEST_LOOK_S = 0.25, 30.0
LOOKS_GROW = 1.5
"""Between two looks at a job, the longer the longer it takes: ten looks at one of twenty seconds."""
SOONEST_S, LATEST_S = 1.0, 60.0
"""When rows that are underway are asked for again: a quarter of the time that their job has taken so far."""
ABANDONED_S = 120.0
"""A job of ours that ended so long ago, and whose rows nobody asks for: they were read back meanwhile."""
_LOOK_BACK = timedelta(days=1)
_ENDED = ("JobComplete", "Failed", "Aborted")
_UPLOADED = ("UploadComplete", "InProgress", "JobComplete", "Failed", "Aborted")
_NO_FIELD = "Field name not found"


@define
class Job:
    """One ingest job.

    Attributes:
        rows: `{our key, or the remote id: our revision}` of what it holds, as far as nobody has taken it; None where it
            was found in the org, and may be another program's.
        told: What the org said when it had ended; None before.
        look_at_s: When it is looked at again.
        taken: Whether its results were.
    """

    id: str
    object: str
    operation: str
    since_s: float
    rows: dict[str, str] | None = None
    told: Mapping[str, Any] | None = None
    look_at_s: float = 0.0
    wait_s: float = FIRST_LOOK_S
    ended_s: float = 0.0
    taken: bool = False

    def identity(self, row: Row) -> str:
        """What a row is known by in it."""
        return row.key if self.operation == "upsert" else row.id or ""


@define
class Bulk:
    """Ingest jobs of one org.

    Attributes:
        now: Our clock.
        monotonic_s: Seconds that never go back.
        wait: Waits on an event so many seconds.
        key_field: External id of upserts.
        revision_field: Where our revision is stamped; rows without one are never taken from an older job.
        least: Rows from which a job is worth its calls.
    """

    transport: Transport
    now: Callable[[], datetime]
    monotonic_s: Callable[[], float]
    wait: Callable[[threading.Event, float], object]
    key_field: str
    revision_field: str
    least: int
    _jobs: dict[str, Job] = field(factory=dict, init=False)
    _looked: bool = field(default=False, init=False)

    def write(self, object_name: str, operation: str, rows: Sequence[Row]) -> list[RemoteError]:
        """Give rows of one object and operation their outcomes, as far as jobs hold them or there are enough for one.

        Returns:
            What failed as a whole. Rows without an outcome are to go another way.
        """
        until_s = self.monotonic_s() + PATIENCE_S
        try:
            self._resume(object_name, operation, rows, until_s)
        except RemoteError as error:
            return _all(rows, error)
        left = [row for row in rows if row.outcome is None and cells.fits(row)]
        failures: list[RemoteError] = []
        for some in cells.chunks(left) if len(left) >= self.least else ():
            try:
                self._settle(self._submitted(object_name, operation, some), some, until_s)
            except RemoteError as error:
                failures += _all([row for row in some if row.outcome is None], error)
        return failures

    def hold(self, rows: Iterable[Row]) -> None:
        """Rows of records that a running job of ours holds wait for it, however they would be written."""
        for job in [job for job in self._jobs.values() if job.told is None and job.rows is not None]:
            for row in rows:
                if row.object == job.object and row.outcome is None and job.identity(row) in (job.rows or ()):
                    row.outcome = self._underway(job)

    def underway(self, object_name: str) -> timedelta | None:
        """Look at the running jobs of an object for which it is time; when to look again, None where all have ended."""
        running = [job for job in self._jobs.values() if job.object == object_name and not self._has_ended(job)]
        if not running:
            return None
        soonest_s = min(job.look_at_s for job in running) - self.monotonic_s()
        return timedelta(seconds=max(soonest_s, FIRST_LOOK_S))

    def forget_done(self, rows: Sequence[Row]) -> None:
        """Delete jobs whose results are in the store since: they were taken, and nobody asks for their rows again."""
        for job in list(self._jobs.values()):
            asked = any(job.identity(row) in (job.rows or ()) for row in rows if row.object == job.object)
            old = job.told is not None and self.monotonic_s() - job.ended_s > ABANDONED_S
            if asked or not (job.taken or (old and job.rows is not None)):
                continue
            try:
                self.transport.call("DELETE", f"jobs/ingest/{job.id}")
            except RetryableError:
                return  # next time: nothing hangs on it
            except RemoteError:
                pass  # somebody else has deleted it
            self._jobs.pop(job.id, None)

    # --- jobs of before ---------------------------------------------------------------------------------------------

    def _resume(self, object_name: str, operation: str, rows: Sequence[Row], until_s: float) -> None:
        """Take what a job of before, also before a crash, says of these rows."""
        if not self._looked:
            self._jobs.update({job.id: job for job in self._found()})
            self._looked = True
        for job in [job for job in self._jobs.values() if (job.object, job.operation) == (object_name, operation)]:
            held = [row for row in rows if job.rows is None or job.identity(row) in job.rows]
            if held:
                self._settle(job, held, until_s)
        self.hold(rows)

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
                    yield Job(told["id"], told["object"], told["operation"], self.monotonic_s())
            if not (following := body.get("nextRecordsUrl")):
                return
            body = self.transport.get(following)

    # --- one job ----------------------------------------------------------------------------------------------------

    def _submitted(self, object_name: str, operation: str, rows: Sequence[Row]) -> Job:
        """Open a job, upload its rows and close it: three calls."""
        about = {"object": object_name, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}
        if operation == "upsert":
            about["externalIdFieldName"] = self.key_field
        made = self.transport.send("POST", "jobs/ingest", about)
        job = Job(made["id"], object_name, operation, self.monotonic_s())
        job.rows = {job.identity(row): self._revision(row.values) for row in rows}
        column = self.key_field if operation == "upsert" else "Id"
        named = ((job.identity(row), row.values) for row in rows)
        body = cells.upload(column, named, values=operation != "delete")
        self.transport.send("PUT", f"jobs/ingest/{job.id}/batches", body)
        self._jobs[job.id] = job  # from here on it may have been closed, whatever the answer
        self._close(job)
        return job

    def _close(self, job: Job) -> None:
        self.transport.send("PATCH", f"jobs/ingest/{job.id}", {"state": "UploadComplete"})

    def _settle(self, job: Job, rows: Sequence[Row], until_s: float) -> None:
        """Wait for a job, not for long, and give its rows among these their outcomes."""
        while not self._has_ended(job):
            if self.monotonic_s() >= until_s:
                for row in rows:
                    row.outcome = row.outcome or self._underway(job)
                return
            self.wait(threading.Event(), max(0.0, min(job.look_at_s, until_s) - self.monotonic_s()))
        self._take(job, rows)

    def _has_ended(self, job: Job) -> bool:
        """Whether a job has ended, as far as is known; looks at it when it is time to."""
        if job.told is None and self.monotonic_s() >= job.look_at_s:
            try:
                told: Mapping[str, Any] = self.transport.get(f"jobs/ingest/{job.id}")
            except GoneError:
                told = {"state": "Aborted"}  # somebody has deleted it
            if told["state"] in _ENDED:
                job.told, job.ended_s = told, self.monotonic_s()
            elif told["state"] == "Open":  # closing it got no answer, or was refused
                self._close(job)
            job.look_at_s = self.monotonic_s() + job.wait_s
            job.wait_s = min(job.wait_s * LOOKS_GROW, LONGEST_LOOK_S)
        return job.told is not None

    def _underway(self, job: Job) -> UnderwayError:
        after_s = min(max((self.monotonic_s() - job.since_s) / 4, SOONEST_S), LATEST_S)
        said = f"{self.transport.connection}: job {job.id} ({job.object}) is not done yet: it is looked at again"
        return UnderwayError(said, after=timedelta(seconds=after_s))

    def _take(self, job: Job, rows: Sequence[Row]) -> None:
        """Give the job's rows among these what its results say; what was saved may be asked for once more."""
        told = job.told or {}
        ours, saved = job.rows is not None, {}
        asked = {job.identity(row): row for row in rows if row.outcome is None}
        for kind, read in (("successfulResults", self._saved), ("failedResults", self._refused)):
            for result in self._results(job, kind):
                name, revision = self._stamp_of(job, result)
                if kind == "successfulResults":
                    saved[name] = revision
                row = asked.get(name)
                if row is not None and self._is_of(job, row, revision):
                    row.outcome, ours = read(row, result), True
        held, job.rows, job.taken = job.rows, saved, ours
        if not ours:
            del self._jobs[job.id]
        if told["state"] != "JobComplete" and held is not None:
            failed = self._failed(job, told)
            for row in rows:
                if held.get(job.identity(row)) == self._revision(row.values):
                    row.outcome = row.outcome or failed

    def _results(self, job: Job, kind: str) -> Iterator[Mapping[str, str]]:
        try:
            body = self.transport.call("GET", f"jobs/ingest/{job.id}/{kind}").body
        except GoneError:
            return iter(())
        return cells.results(body)

    def _saved(self, row: Row, result: Mapping[str, str]) -> Written:
        return Written(id=result["sf__Id"], created=result["sf__Created"] == "true")

    def _refused(self, row: Row, result: Mapping[str, str]) -> RemoteError | Written:
        where = Circumstances(
            connection=self.transport.connection,
            subject=row.subject,
            values=row.values,
            key_field=self.key_field if row.operation == "upsert" else None,
        )
        error = of_row(cells.errors(result["sf__Error"]), where)
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

    def _revision(self, values: Mapping[str, Any]) -> str:
        revision = values.get(self.revision_field)
        return "" if revision is None else str(revision)

    def _is_of(self, job: Job, row: Row, revision: str) -> bool:
        """Whether a result speaks of what this row says; of a job found in the org, only where a revision proves it."""
        mine = self._revision(row.values)
        return mine == revision and (job.rows is not None or bool(mine) or job.operation == "delete")

    def _stamp_of(self, job: Job, result: Mapping[str, str]) -> tuple[str, str]:
        identity = result.get(self.key_field if job.operation == "upsert" else "Id") or ""
        return identity, (result.get(self.revision_field) or "").removesuffix(".0")


def _all(rows: Iterable[Row], error: RemoteError) -> list[RemoteError]:
    for row in rows:
        row.outcome = error
    return [error]
