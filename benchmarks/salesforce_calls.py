"""API calls of the Salesforce connector beside what others would make, each counted by the org that received them.

A backlog of 1,000 interactions of customers that the org knows; one of 1,000 new customers with an interaction each;
and minutes in which nothing happens. The connector works through the lanes that the daemon runs, until they come to
rest: write calls are the figure, what it asked meanwhile is `salesforce_lookups_per_1000_*`. The others make their
calls against the same simulated org: the naive script (query, then create), one upsert by key a record, and Collections
of 200 records of one object.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from simple_salesforce.api import Salesforce as Client

from benchmarks import _traffic
from benchmarks.crm_calls import _check, _last, _settle
from crocevia import Secret
from crocevia.config.options import Options
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Simulator, running_simulator

COUNT, CUSTOMERS, MINUTES = 1_000, 250, 30
_CRM = "salesforce"
_COLLECTION = 200
_TEN = (
    "Contact",
    "Lead",
    "Account",
    "Interaction__c",
    "Identity__c",
    "Case",
    "Task",
    "Event",
    "EmailMessage",
    "Opportunity",
)


def run(count: int = COUNT, customers: int = CUSTOMERS, minutes: int = MINUTES) -> dict[str, dict[str, Any]]:
    """Calls per 1,000 records and per minute; the floor is the fewest that the API's limits allow."""
    figures: dict[str, dict[str, Any]] = {}
    for name, known, floor in (("known", min(customers, count), 1.0), ("new", 0, 2.0)):
        writes, lookups = _ours(count, known)
        figures[f"salesforce_calls_per_1000_{name}"] = _traffic.figure(writes * 1000 / count, "calls", floor)
        if lookups:
            figures[f"salesforce_lookups_per_1000_{name}"] = _traffic.figure(lookups * 1000 / count, "calls")
        for way, script in _OTHERS.items():
            calls = _theirs(script, count, known)
            figures[f"salesforce_{way}_calls_per_1000_{name}"] = _traffic.figure(calls * 1000 / count, "calls", floor)
    for objects, floor in ((_TEN[:5], 1.0), (_TEN, 2.0)):
        value = _idle(objects, minutes)
        name = "salesforce_idle_calls_per_minute"
        figures[name if objects == _TEN else f"{name}_five"] = _traffic.figure(value, "calls", floor)
    return figures


# --- ours -----------------------------------------------------------------------------------------------------------


def _ours(count: int, known: int) -> tuple[int, int]:
    """Write calls and other calls for `count` interactions: of `known` customers, or of a new one each."""
    with tempfile.TemporaryDirectory() as folder, running_simulator() as org:
        world = _world(Path(folder), org)
        lanes = [Lane(world, found, "benchmark") for found in world.lives.values()]
        _settle(world, lanes, [_traffic.body(number, number) for number in range(known)])
        before = _last(org)
        bodies = [_traffic.body(known + number, number % known if known else number) for number in range(count)]
        _settle(world, lanes, bodies)
        calls = [call for call in org.admin.calls(before) if call["api"]]
        _check(org, known or count, known + count)
        world.store.close()
    writes = sum(bool(call["write"]) for call in calls)
    return writes, len(calls) - writes


def _world(folder: Path, org: Simulator) -> World:
    world = _traffic.world(folder, "http://127.0.0.1:9")
    del world.lives[_traffic.CRM]
    world.lives[_CRM] = live(_CRM, Salesforce(_settings(org), connection=_CRM), Options())
    return world


def _settings(org: Simulator) -> Settings:
    return Settings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret"))


def _idle(objects: Sequence[str], minutes: int) -> float:
    """Calls a minute of polling once a minute where nothing changes, the quarter-hourly log of deletions included."""
    clock = FakeClock(datetime.now(UTC))
    with running_simulator() as org:
        connector = Salesforce(_settings(org), connection=_CRM, clock=clock)
        cursors: dict[str, str | None] = dict.fromkeys(objects)
        for _ in range(2):  # the baseline, and the last of its overlap
            _poll(connector, cursors)
            clock.advance(timedelta(minutes=2).total_seconds())
        before = _last(org)
        for _ in range(minutes):
            clock.advance(60)
            _poll(connector, cursors)
        return sum(bool(call["api"]) for call in org.admin.calls(before)) / minutes


def _poll(connector: Salesforce, cursors: dict[str, str | None]) -> None:
    """Ask for every object, to the end."""
    for name, cursor in cursors.items():
        page = connector.changes(name, cursor, ())
        while page.more:
            page = connector.changes(name, page.cursor, ())
        cursors[name] = page.cursor


# --- the others -----------------------------------------------------------------------------------------------------

Script = Callable[[Client, int, int], None]


def _theirs(script: Script, count: int, known: int) -> int:
    """Calls that a script makes for the same records in an org of its own."""
    with running_simulator() as org:
        if known:
            org.admin.create("Contact", [_contact(number) for number in range(known)])
        before = _last(org)
        script(Salesforce(_settings(org), connection=_CRM).client(), count, known)
        calls = sum(bool(call["api"]) for call in org.admin.calls(before))
        _check(org, known or count, count)
    return calls


def _naive(client: Client, count: int, known: int) -> None:
    """For each message: is the customer there, else make him; then make the record."""
    for number in range(count):
        phone = _contact(number % known if known else number)["MobilePhone"]
        query = f"SELECT Id FROM Contact WHERE MobilePhone = '{phone}'"  # noqa: S608 - SOQL, of numbers made here
        found = _answer(client.restful("query", params={"q": query}))["records"]
        contact = found[0]["Id"] if found else _post(client, "Contact", _contact(number))
        _post(client, "Interaction__c", {**_interaction(number), "Contact__c": contact})


def _post(client: Client, name: str, values: dict[str, Any]) -> str:
    return str(_answer(client.restful(f"sobjects/{name}", method="POST", json=values))["id"])


def _answer(told: Any) -> dict[str, Any]:
    """Raises TypeError: there was none."""
    return dict(told)


def _upserts(client: Client, count: int, known: int) -> None:
    """One call a record, by our key: the customer is pointed to by his key and need not be looked for."""
    for name, values in _records(count, known):
        key = values.pop("Crocevia_Key__c")
        client.restful(f"sobjects/{name}/Crocevia_Key__c/{key}", method="PATCH", json=values)


def _collections(client: Client, count: int, known: int) -> None:
    """200 records of one object a call."""
    every = list(_records(count, known))
    for name in ("Contact", "Interaction__c"):
        rows = [{"attributes": {"type": name}, **values} for found, values in every if found == name]
        for start in range(0, len(rows), _COLLECTION):
            body = {"allOrNone": False, "records": rows[start : start + _COLLECTION]}
            client.restful(f"composite/sobjects/{name}/Crocevia_Key__c", method="PATCH", json=body)


def _records(count: int, known: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """`(object, values)` of a backlog, new customers before their interactions."""
    for number in range(0 if known else count):
        yield "Contact", _contact(number)
    for number in range(count):
        whose = {"Contact__r": {"Crocevia_Key__c": f"contact-{number % known if known else number}"}}
        yield "Interaction__c", {**_interaction(number), **whose}


def _contact(number: int) -> dict[str, Any]:
    return {
        "LastName": f"Customer {number}",
        "MobilePhone": f"+39333{number:07d}",
        "Crocevia_Key__c": f"contact-{number}",
    }


def _interaction(number: int) -> dict[str, Any]:
    return {"Direction__c": "Inbound", "Body__c": "Is this available?", "Crocevia_Key__c": f"interaction-{number}"}


_OTHERS: dict[str, Script] = {"naive": _naive, "upsert": _upserts, "collections": _collections}
