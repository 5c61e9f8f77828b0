"""API calls for a backlog of 1,000 interactions of customers that the CRM knows, counted by the org that received them.

The real Salesforce connector, through the lanes that the daemon runs, against the simulated org; until the lanes have
nothing more to do. Writes are the figure. Everything else the lanes asked meanwhile (the poll for changes, which also
reads back what was just written; look-ups before a create) is `crm_lookups_per_1000`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import _traffic
from crocevia import Raw, Secret
from crocevia.config.options import Options
from crocevia.store import journal
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Simulator, running_simulator

COUNT, CUSTOMERS = 1_000, 250
_CRM = "salesforce"
_MOST_TURNS = 40


def run(count: int = COUNT, customers: int = CUSTOMERS) -> dict[str, dict[str, Any]]:
    """Calls per 1,000 interactions; the floor is the fewest that the API's limits allow."""
    with tempfile.TemporaryDirectory() as folder, running_simulator() as org:
        world = _world(Path(folder), org)
        lanes = [Lane(world, found, "benchmark") for found in world.lives.values()]
        _settle(world, lanes, [_traffic.body(number, number) for number in range(customers)])
        before = _last(org)
        _settle(world, lanes, [_traffic.body(customers + number, number % customers) for number in range(count)])
        calls = [call for call in org.admin.calls(before) if call["api"]]
        _check(org, customers, customers + count)
        world.store.close()
    writes = sum(bool(call["write"]) for call in calls)
    return {
        "crm_calls_per_1000": _traffic.figure(writes * 1000 / count, "calls", 1.0),
        "crm_lookups_per_1000": _traffic.figure((len(calls) - writes) * 1000 / count, "calls"),
    }


def _world(folder: Path, org: Simulator) -> World:
    world = _traffic.world(folder, "http://127.0.0.1:9")
    settings = Settings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret"))
    del world.lives[_traffic.CRM]
    world.lives[_CRM] = live(_CRM, Salesforce(settings, connection=_CRM), Options())
    return world


def _settle(world: World, lanes: Sequence[Lane], bodies: Sequence[bytes]) -> None:
    """Journal these webhooks and let the lanes work until a turn of each has nothing more to do."""
    now = datetime.now(UTC)
    raws = [Raw(connection=_traffic.CHANNEL, kind="whatsapp", body=body, received_at=now) for body in bodies]
    journal.commit(world.store, raws)
    for lane in lanes:
        lane.poll_now()
        turns = 0
        while lane.turn() == 0:
            turns += 1
            if turns > _MOST_TURNS or lane.unwell:
                msg = f"{lane.name} does not come to rest: {lane.unwell or 'too many turns'}"
                raise RuntimeError(msg)


def _last(org: Simulator) -> int:
    return max((call["seq"] for call in org.admin.calls()), default=0)


def _check(org: Simulator, contacts: int, interactions: int) -> None:
    """Every record is there, once."""
    found = [len(org.admin.query(f"SELECT Id FROM {name}")) for name in ("Contact", "Interaction__c")]  # noqa: S608 - SOQL
    if found != [contacts, interactions]:
        msg = f"the org holds {found} contacts and interactions, not {[contacts, interactions]}"
        raise RuntimeError(msg)
