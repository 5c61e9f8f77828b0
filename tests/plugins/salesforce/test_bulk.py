"""Bulk 2.0: many rows as one job, each with its outcome, also when the process dies in between."""

import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crocevia import Outcome, Write, Written
from crocevia.clock import SystemClock
from crocevia.errors import (
    DuplicateError,
    GoneError,
    RejectedError,
    RetryableError,
    SchemaDriftError,
    UnderwayError,
)
from crocevia.testing import KilledError
from crocevia_salesforce import Salesforce
from crocevia_salesforce import bulk as bulk_module
from crocevia_salesforce.simulator import Simulator
from crocevia_salesforce.simulator.jobs import Jobs
from tests.plugins.salesforce.conftest import Connect
from tests.plugins.salesforce.org_records import api_calls, contact_write, interaction_write, last_call


@pytest.fixture
def bulk(connect: Connect) -> Salesforce:
    """A connector that takes the other road early."""
    return connect(bulk_from=20)


def interactions(count: int, contact: str | None = None, **values: Any) -> list[Write]:
    """Upserts with our revision, as the core makes them."""
    return [interaction_write(n, contact, Crocevia_Revision__c=1, **values) for n in range(count)]


def jobs(org: Simulator) -> list[tuple[str, str]]:
    """Object and state of the org's jobs, oldest first."""
    return [(job["object"], job["state"]) for job in org.org.jobs.all("ingest")]


def kinds(outcomes: list[Outcome]) -> set[type[Outcome]]:
    """What the outcomes are."""
    return {type(outcome) for outcome in outcomes}


class Waiting(SystemClock):
    """A clock that does something when the first job has been closed and is about to be waited for."""

    def __init__(self, org: Simulator, action: Callable[[], object]) -> None:
        self.org = org
        self.action = action

    def monotonic_s(self) -> float:
        """Act once."""
        if any(job["state"] != "Open" for job in self.org.org.jobs.all("ingest")):
            action, self.action = self.action, lambda: None
            action()
        return super().monotonic_s()

    def wait(self, event: threading.Event, seconds: float) -> bool:
        """Wait for real, not for long."""
        return super().wait(event, min(seconds, 0.05))


def killed() -> None:
    """The process dies here."""
    raise KilledError


def test_many_rows_are_one_job(org: Simulator, bulk: Salesforce) -> None:
    """Open, upload, close, look, two results; the job is deleted at the next write, when its results are stored."""
    (contact,) = org.admin.create("Contact", {"LastName": "Rossi"})
    before = last_call(org)

    outcomes = bulk.write(interactions(500, contact))
    calls = [call for call in api_calls(org, before) if not call.endswith("describe")]
    bulk.write(interactions(20, contact))

    assert kinds(outcomes) == {Written}
    assert all(getattr(outcome, "created", False) for outcome in outcomes)
    looks = [call for call in calls if call.startswith("GET jobs/ingest/") and "Results" not in call]
    assert [call.split("/")[0] for call in calls if call not in looks] == [
        "GET jobs",
        "POST jobs",
        "PUT jobs",
        "PATCH jobs",
        "GET jobs",
        "GET jobs",
    ]
    assert len(looks) <= 8
    assert (org.admin.count("Interaction__c"), jobs(org)) == (500, [("Interaction__c", "JobComplete")])


def test_few_rows_are_no_job(org: Simulator, connect: Connect) -> None:
    """By default up to 2,000: two calls of Collections are sooner done than a job."""
    connect().write(interactions(2_000))

    assert api_calls(org) == ["POST composite", "POST composite"]


def test_values_arrive_as_they_are(org: Simulator, bulk: Salesforce) -> None:
    """Quotes, lines, commas, emoji; None clears, what is not named stays, and a text that reads like "clear" is one."""
    texts = ['say "hi"', "riga 1\nriga 2", "a,b;c", "🙂 è", "#N/A", " =1+1", "null"]
    bulk.write([interaction_write(n, Subject__c="kept", Status_Detail__c="old") for n in range(27)])
    batch = [
        interaction_write(n, Body__c=texts[n % 7], Status_Detail__c=None, Duration_Seconds__c=n, Crocevia_Revision__c=2)
        for n in range(27)
    ]

    assert kinds(bulk.write(batch)) == {Written}

    names = "Body__c, Subject__c, Status_Detail__c, Duration_Seconds__c, Crocevia_Revision__c"
    rows = org.admin.query(f"SELECT {names} FROM Interaction__c ORDER BY Crocevia_Key__c")
    assert [row["Body__c"] for row in rows] == [texts[n % 7].strip() for n in range(27)]
    assert {(row["Subject__c"], row["Status_Detail__c"], row["Crocevia_Revision__c"]) for row in rows} == {
        ("kept", None, 2.0)
    }
    assert [row["Duration_Seconds__c"] for row in rows] == [float(n) for n in range(27)]


def test_each_row_has_its_own_outcome(org: Simulator, bulk: Salesforce) -> None:
    """By the same table as everywhere; only what failed is to be made again."""
    batch = [contact_write(n, Crocevia_Revision__c=1) for n in range(30)]
    batch[3] = contact_write(3, Email="not an address", Crocevia_Revision__c=1)
    org.admin.fault("row_lock", "create Contact", after=9, times=1)

    outcomes = bulk.write(batch)

    failed = {place: type(outcome) for place, outcome in enumerate(outcomes) if not isinstance(outcome, Written)}
    assert failed == {3: RejectedError, 9: RetryableError}
    assert "not an address" not in str(outcomes[3])
    assert "Contact profile-00003" in str(outcomes[3])
    assert org.admin.count("Contact") == 28


def test_parents_go_before_what_points_to_them(org: Simulator, bulk: Salesforce) -> None:
    """Contacts, then their rows by reference, then interactions: three jobs, one after the other."""
    contacts = [contact_write(n, Crocevia_Revision__c=1, Identities__r=[["chat", "", str(n)]]) for n in range(40)]

    outcomes = bulk.write([*interactions(40), *contacts])

    assert kinds(outcomes) == {Written}
    assert [name for name, _ in jobs(org)] == ["Contact", "Identity__c", "Interaction__c"]
    linked = org.admin.query("SELECT Contact__r.Crocevia_Key__c FROM Identity__c ORDER BY Id")
    assert {row["Contact__r"]["Crocevia_Key__c"] for row in linked} == {f"profile-{n:05d}" for n in range(40)}


def test_updates_and_deletes_go_by_id(org: Simulator, bulk: Salesforce) -> None:
    """A merged record names its survivor; what is deleted twice is done."""
    ids = org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(30)])
    org.admin.merge("Contact", ids[0], ids[1])
    changes = [
        Write(object="Contact", operation="update", key=f"k{n}", id=ids[n], values={"Title": "Dr"}) for n in range(30)
    ]

    updated = bulk.write(changes)
    deletes = [Write(object="Contact", operation="delete", key=f"k{n}", id=ids[n]) for n in range(30)]
    deleted = bulk.write(deletes)

    assert [type(outcome) for outcome in updated] == [Written, GoneError, *[Written] * 28]
    assert getattr(updated[1], "survivor", None) == ids[0]
    assert deleted == [Written(id=remote_id) for remote_id in ids]
    assert org.admin.count("Contact") == 0


def test_a_process_that_dies_finds_its_job_again(org: Simulator, connect: Connect) -> None:
    """The job itself says whose rows it holds: nothing is written twice, and no memory of ours is needed."""
    batch = interactions(60)
    with pytest.raises(KilledError):
        connect(clock=Waiting(org, killed), bulk_from=20).write(batch)
    before = last_call(org)

    outcomes = connect(bulk_from=20).write(batch)

    assert kinds(outcomes) == {Written}
    assert [call for call in api_calls(org, before) if call.startswith("POST")] == []
    assert len([found for found in org.admin.mutations() if found["object"] == "Interaction__c"]) == 60


def test_what_changed_since_the_crash_is_written_anew(org: Simulator, connect: Connect) -> None:
    """A job's row of an older revision says nothing of the newer one."""
    with pytest.raises(KilledError):
        connect(clock=Waiting(org, killed), bulk_from=20).write(interactions(60))
    newer = [interaction_write(n, Body__c=f"edited {n}", Crocevia_Revision__c=2) for n in range(30)]

    outcomes = connect(bulk_from=20).write([*newer, *interactions(60)[30:]])

    assert kinds(outcomes) == {Written}
    assert [name for name, _ in jobs(org)] == ["Interaction__c", "Interaction__c"]
    texts = [row["Body__c"] for row in org.admin.query("SELECT Body__c FROM Interaction__c ORDER BY Crocevia_Key__c")]
    assert texts == [f"edited {n}" if n < 30 else f"message {n}" for n in range(60)]


def test_jobs_of_other_programs_are_left_alone(org: Simulator, connect: Connect) -> None:
    """Nothing of ours is in their results, so they are not deleted."""
    ids = org.admin.create("Contact", [{"LastName": f"Rossi {n}"} for n in range(40)])
    theirs, ours = (
        [Write(object="Contact", operation="update", key=one, id=one, values={"Title": "Dr"}) for one in some]
        for some in (ids[:20], ids[20:])
    )
    connect(bulk_from=20).write(theirs)
    salesforce = connect(bulk_from=20)

    salesforce.write(ours)
    made = jobs(org)
    salesforce.write(ours)

    assert len(made) == 2
    assert len(jobs(org)) == 2


def test_a_session_that_ends_while_a_job_runs_is_renewed(org: Simulator, connect: Connect) -> None:
    """simple-salesforce's bulk handlers keep the token that they began with (issue 619)."""
    outcomes = connect(clock=Waiting(org, org.admin.expire_sessions), bulk_from=20).write(interactions(300))

    assert kinds(outcomes) == {Written}


def test_trouble_while_a_job_runs_is_waited_out(org: Simulator, connect: Connect) -> None:
    """The rows are made again, and the job that ran meanwhile is taken for it."""
    trouble = Waiting(org, lambda: org.admin.fault("unavailable", "GET .*/jobs/ingest/750", times=1))
    salesforce = connect(clock=trouble, bulk_from=20)

    with pytest.raises(RetryableError):
        salesforce.write(interactions(60))
    outcomes = salesforce.write(interactions(60))

    assert kinds(outcomes) == {Written}
    assert [call for call in api_calls(org) if call.startswith("POST jobs")] == ["POST jobs/ingest"]


@pytest.mark.parametrize("fault", ["commit_then_drop", "unavailable"])
def test_a_closing_whose_answer_is_lost_makes_no_second_job(org: Simulator, bulk: Salesforce, fault: str) -> None:
    """It may have been closed or not: the job is looked at first."""
    org.admin.fault(fault, "PATCH .*/jobs/ingest", times=1)

    with pytest.raises(RetryableError):
        bulk.write(interactions(60))
    outcomes = bulk.write(interactions(60))

    assert kinds(outcomes) == {Written}
    assert len([found for found in org.admin.mutations() if found["object"] == "Interaction__c"]) == 60


@pytest.fixture
def busy(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An org that has other things to do, until it is undone; and nobody waits for it."""
    with monkeypatch.context() as patched:
        patched.setattr(Jobs, "step", lambda _: False)
        patched.setattr(bulk_module, "PATIENCE_S", 0.0)
        patched.setattr(bulk_module, "FIRST_LOOK_S", 0.01)
        yield patched


def looked_at(bulk: Salesforce, object_name: str) -> None:
    """Ask until nothing is underway, as the core does."""
    while (after := bulk.underway(object_name)) is not None:
        time.sleep(min(after.total_seconds(), 0.05))


def test_a_job_that_takes_long_keeps_nobody_waiting(org: Simulator, bulk: Salesforce, busy: pytest.MonkeyPatch) -> None:
    """Its rows are underway; once it has ended they have their outcomes, and nothing is uploaded again."""
    waiting = bulk.write(interactions(30))
    again = bulk.write(interactions(30))
    before = bulk.underway("Interaction__c"), bulk.underway("Contact")
    busy.undo()
    looked_at(bulk, "Interaction__c")
    done = bulk.write(interactions(30))

    assert kinds(waiting) == kinds(again) == {UnderwayError}
    assert before[0] is not None
    assert before[1] is None
    assert kinds(done) == {Written}
    assert [call for call in api_calls(org) if call.startswith("POST jobs")] == ["POST jobs/ingest"]


def test_few_rows_go_while_a_job_runs(org: Simulator, bulk: Salesforce, busy: pytest.MonkeyPatch) -> None:
    """By Collections; but a record that the job holds waits, so that its older value does not come last."""
    bulk.write(interactions(30))

    fresh, held = bulk.write(
        [interaction_write(90, Crocevia_Revision__c=1), interaction_write(3, Body__c="edited", Crocevia_Revision__c=2)]
    )
    busy.undo()
    looked_at(bulk, "Interaction__c")
    bulk.write(interactions(30))
    (written,) = bulk.write([interaction_write(3, Body__c="edited", Crocevia_Revision__c=2)])

    assert isinstance(fresh, Written)
    assert isinstance(held, UnderwayError)
    assert isinstance(written, Written)
    assert org.admin.count("Interaction__c") == 31
    rows = org.admin.query("SELECT Body__c FROM Interaction__c WHERE Crocevia_Revision__c = 2")
    assert [row["Body__c"] for row in rows] == ["edited"]


def test_a_process_that_dies_waits_for_its_job_in_the_next_one(
    org: Simulator, connect: Connect, busy: pytest.MonkeyPatch
) -> None:
    """Nobody knows what a job holds before it has ended: nothing is written beside it."""
    connect(bulk_from=20).write(interactions(30))
    later = connect(bulk_from=20)
    waiting = later.write(interactions(30))
    busy.undo()
    looked_at(later, "Interaction__c")

    assert kinds(waiting) == {UnderwayError}
    assert kinds(later.write(interactions(30))) == {Written}
    assert [call for call in api_calls(org) if call.startswith("POST jobs")] == ["POST jobs/ingest"]


def test_what_hangs_on_a_row_that_is_underway_waits_with_it(
    org: Simulator, bulk: Salesforce, busy: pytest.MonkeyPatch
) -> None:
    """Child rows are not sent before their parents are there; each job's results are asked for until both are done."""
    contacts = [contact_write(n, Crocevia_Revision__c=1, Identities__r=[["chat", "", str(n)]]) for n in range(30)]
    waiting = bulk.write(contacts)
    first = jobs(org)
    busy.undo()
    looked_at(bulk, "Contact")
    bulk.write(contacts)
    looked_at(bulk, "Identity__c")
    done = bulk.write(contacts)

    assert kinds(waiting) == {UnderwayError}
    assert [name for name, _ in first] == ["Contact"]
    assert kinds(done) == {Written}
    assert len([found for found in org.admin.mutations() if found["object"] == "Contact"]) == 30
    assert org.admin.count("Identity__c") == 30


def test_a_row_that_a_job_refused_is_written_by_another_way(org: Simulator, bulk: Salesforce) -> None:
    """What the old results say of it is said once; what they say of the others holds."""
    org.admin.fault("row_lock", "create Interaction__c", after=9, times=1)
    first = bulk.write(interactions(30))
    again = bulk.write(interactions(30))

    assert [place for place, outcome in enumerate(first) if not isinstance(outcome, Written)] == [9]
    assert kinds(again) == {Written}
    assert [name for name, _ in jobs(org)] == ["Interaction__c"]


def test_a_column_that_is_gone_fails_the_job_and_is_drift(org: Simulator, bulk: Salesforce) -> None:
    """The field is named, as it is where a single row is refused."""
    outcomes = bulk.write(interactions(30, Loyalty__c="gold"))

    assert kinds(outcomes) == {SchemaDriftError}
    assert getattr(outcomes[0], "fields", ()) == ("Loyalty__c",)


def test_a_job_that_somebody_aborts_is_made_again(
    org: Simulator, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An administrator may; what had been written is written again, to the same records."""

    def abort() -> None:
        (job,) = org.org.jobs.all("ingest")
        org.org.jobs.change(job["id"], "Aborted")

    salesforce = connect(clock=Waiting(org, abort), bulk_from=20)
    with monkeypatch.context() as patched:
        patched.setattr(Jobs, "step", lambda _: False)  # the org has other things to do
        outcomes = salesforce.write(interactions(30))
    again = salesforce.write(interactions(30))

    assert kinds(outcomes) == {RetryableError}
    assert kinds(again) == {Written}


def test_alerts_of_duplicate_rules_are_overridden_in_a_second_step(org: Simulator, connect: Connect) -> None:
    """A job has no header for it: the rows that were alerted go by Collections."""
    org.admin.set_rules({"duplicates": [{"object": "Contact", "fields": ["Email"]}]})
    org.admin.create("Contact", {"LastName": "Rossi", "Email": "ada@example.org"})
    batch = [contact_write(n, Crocevia_Revision__c=1) for n in range(29)]
    batch.append(contact_write(29, Email="ada@example.org", Crocevia_Revision__c=1))

    obeyed = connect(bulk_from=20).write(batch)
    overridden = connect(bulk_from=20, duplicate_rules="override").write(batch)

    assert isinstance(obeyed[-1], DuplicateError)
    assert kinds(overridden) == {Written}
