"""While a Bulk job runs, for hours if it must, everything else of the connection goes on."""

import pytest

from crocevia.store import bindings
from crocevia.sync import backfill
from crocevia.sync.lane import Lane
from crocevia_salesforce import bulk
from crocevia_salesforce.simulator import Simulator
from crocevia_salesforce.simulator.jobs import Jobs
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads, interactions

__all__ = ["crossroads"]

_OLD = 25


@pytest.mark.parametrize("crossroads", [{"bulk_from": 20}], indirect=True)
def test_replies_and_changes_do_not_wait_for_a_job(
    crossroads: Crossroads, org: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backfill is under way in the org: an answer goes out, a message comes in; then the job ends, once each."""
    asked_for(crossroads)
    with monkeypatch.context() as patched:
        patched.setattr(Jobs, "step", lambda _: False)  # the org has other things to do
        patched.setattr(bulk, "PATIENCE_S", 0.0)
        patched.setattr(bulk, "FIRST_LOOK_S", 0.01)
        crossroads.settle()
        busy = [job["state"] for job in org.org.jobs.all("ingest")]
        old = len(interactions(org))
        [contact] = contacts(org)
        answer = {"Direction__c": "Outbound", "Status__c": "To Send", "Body__c": "Until seven."}
        org.admin.create("Interaction__c", {"Contact__c": contact["Id"], **answer})
        crossroads.chat.write("ada", "Thanks!")
        crossroads.settle()
        meanwhile = {(found["Body__c"], found["Status__c"]) for found in interactions(org)}
    finish(crossroads)

    texts = [found["Body__c"] for found in interactions(org)]
    assert busy == ["UploadComplete"]
    assert old == 0
    assert [message.text for message in crossroads.chat.sent] == ["Until seven."]
    assert meanwhile == {("Until seven.", "Delivered"), ("Thanks!", "Received")}
    assert sorted(texts) == sorted([*(f"before {number}" for number in range(_OLD)), "Until seven.", "Thanks!"])


def asked_for(crossroads: Crossroads) -> None:
    """Interactions of before there was a Salesforce, and their backfill; the customer has his record already."""
    world = crossroads.world
    salesforce = world.lives.pop("crm")
    for number in range(_OLD):
        crossroads.chat.write("ada", f"before {number}", name="Ada Rossi", phone="+393471234567")
    crossroads.take_in()
    world.lives["crm"] = salesforce
    for of in ("profile", "interaction"):
        row = backfill.start(world, salesforce, of)
        backfill.run(world, salesforce, row)


def finish(crossroads: Crossroads) -> None:
    """Run the lane until nothing is underway and nothing waits."""
    world = crossroads.world
    lane = Lane(world, world.lives["crm"], "test")
    for _ in range(200):
        crossroads.settle()
        with world.store.reading() as connection:
            left = bindings.pending(connection, "crm", "interaction", 2**62, 1)
        if not left and not world.lives["crm"].underway:
            break
        world.lives["crm"].underway.update(dict.fromkeys(world.lives["crm"].underway, 0.0))
    lane.release()
    with world.store.reading() as connection:
        assert not bindings.pending(connection, "crm", "interaction", 2**62, 1)
