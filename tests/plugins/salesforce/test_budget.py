"""The org's day of calls: what may wait for it waits, visibly, and goes on when the org says that there is room."""

import os
from pathlib import Path

import pytest
from click.testing import CliRunner

from crocevia.cli import main
from crocevia.store import connections
from crocevia_salesforce.forecast import calls_of
from crocevia_salesforce.simulator import Simulator
from tests.plugins.salesforce.crossroads import Crossroads, contacts, crossroads
from tests.plugins.salesforce.org_records import last_call

__all__ = ["crossroads"]
DAY = 1_000


def spent(crossroads: Crossroads, org: Simulator, calls: int) -> list[str]:
    """Others bring the org's day to so many calls; what is deferred after the connector's next call."""
    org.org.usage.count(calls - org.org.usage.used())
    org.org.usage.daily_limit = DAY
    connector = crossroads.world.lives["crm"].connector
    connector.describe("Contact")  # type: ignore[attr-defined]  # it reads records
    found: list[str] = crossroads.world.lives["crm"].gate.held().get("deferred", [])
    return found


def test_a_backfill_and_then_changes_wait_for_the_orgs_own_gauge(crossroads: Crossroads, org: Simulator) -> None:
    """At our half of 80 % a backfill, near the end what has changed; both go on when the gauge has room again."""
    crossroads.settle()
    told = [spent(crossroads, org, calls) for calls in (100, 700, 990)]
    crossroads.chat.write("ada", "Hello", name="Ada Rossi", phone="+393471234567")
    before = last_call(org)
    crossroads.settle()
    waited = contacts(org)
    calls = [call for call in org.admin.calls(before) if call["api"]]
    with crossroads.world.store.reading() as connection:
        status = connections.read(connection, "crm")

    org.org.database.execute("DELETE FROM sim_usage")  # the day has rolled on
    again = spent(crossroads, org, 100)
    crossroads.settle()

    assert told == [[], ["backfill"], ["live", "backfill"]]
    assert (waited, again) == ([], [])
    assert len(calls) <= 1
    assert "live, backfill waits for the budget of calls" in status.held
    assert (status.flow["budget"]["limit"], status.flow["budget"]["vendor_used"] >= 985) == (DAY, True)
    assert len(contacts(org)) == 1


def test_a_forecast_tells_the_calls_and_their_share_of_the_day(
    crossroads: Crossroads, org: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the org's own gauge, asked with one call that writes nothing."""
    for number in range(3):
        crossroads.chat.write(f"user{number}", "Hello", name=f"User {number}", phone=f"+39347123000{number}")
    del crossroads.world.lives["crm"]
    crossroads.settle()
    crossroads.world.store.close()
    monkeypatch.setitem(os.environ, "SF", "simulated-secret")
    settings = tmp_path / "crocevia.toml"
    settings.write_text(
        f'[crocevia]\nstore = "sqlite:///{tmp_path}/crocevia.db"\n[connections.acme]\nkind = "salesforce"\n'
        f'instance_url = "{org.url}"\nclient_id = "crocevia"\nclient_secret = {{ env = "SF" }}\n'
    )
    org.org.usage.daily_limit = DAY
    org.org.usage.count(99)

    told = CliRunner().invoke(main, ["--settings", str(settings), "backfill", "acme", "--dry-run"])

    assert told.exit_code == 0, told.output
    share = "of the 1000 that everybody has a day"
    customers, interactions, gauge, last = told.output.splitlines()
    head, tail = "3 looked at, 3 records to ask for", "at its budget of calls"
    assert customers == f"acme: customers: {head}: about 3 calls (0.3 % {share}), about 11 minutes {tail}"
    assert interactions == f"acme: interactions: {head}: about 2 calls (0.2 % {share}), about 7 minutes {tail}"
    assert "of 1000 calls are used, by everybody" in gauge
    assert last == "nothing was asked for"
    assert org.admin.mutations() == []


def test_many_records_are_forecast_as_jobs() -> None:
    """A million interactions: a hundred jobs; 1,500: two Composites; customers are looked for, 275 numbers a call."""
    assert calls_of(1_000_000, 10_000, 2_001, looked_up=False) == 1_400 + 500
    assert calls_of(2_500, 10_000, 2_001, looked_up=False) == 14 + 2
    assert calls_of(1_500, 10_000, 2_001, looked_up=False) == 2 + 1
    assert calls_of(10_300, 10_000, 2_001, looked_up=True) == 14 + 1 + 38 + 6
    assert calls_of(0, 10_000, 2_001, looked_up=True) == 0
