"""Ways in which a daemon ends other than by kill -9: told to stop in the middle of work, and by a plugin's os._exit."""

import time
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from tests.faults import evidence
from tests.faults.deeds import People
from tests.faults.oracle import Verdict, verdict
from tests.faults.schedule import schedule
from tests.faults.site import Site, site

pytestmark = [pytest.mark.slow, pytest.mark.campaign, pytest.mark.xdist_group("faults")]
_PLUGIN = '''
"""Ends the whole process at the tenth event that it sees, once."""
import os
from pathlib import Path
from crocevia import hookimpl

_HERE = Path(__file__).with_name("exited")
_seen = 0

@hookimpl
def crocevia_translate_event(event, raw):
    global _seen
    _seen += 1
    if _seen == 10 and not _HERE.exists():
        _HERE.write_text("once")
        os._exit(3)
'''


def until(what: Any, within_s: float = 60.0) -> None:
    """Wait until something is true. Fails when it never is."""
    deadline = time.monotonic() + within_s
    while not what():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)


def touches(place: Site) -> int:
    """Interactions in the CRM."""
    return len(place.org.query("SELECT Id FROM Interaction__c"))


def test_told_to_stop_in_the_middle_of_work_and_ended_by_a_plugin_it_loses_nothing(tmp_path: Path) -> None:
    """A plugin ends the process once; a supervisor starts it again; SIGTERM comes while work is under way."""
    plan = evolve(schedule(7, store="sqlite", tryton=False), deeds=(), troubles=(), lives=((),))
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "crocevia_plugin.py").write_text(_PLUGIN)
    with site(folder, plan) as place:
        people, keeper = People(place), place.keepers[0]
        keeper.start()
        until(keeper.ready)
        for number in range(40):
            text = f"text {number}"
            id_ = place.customers.text(people.numbers[number % 5], text, name=f"Cliente{number % 5}")
            people.texts[id_] = text
        until((folder / "exited").exists)
        until(lambda: touches(place) > 0)
        assert keeper.stop() == 0
        stopped_with = touches(place)
        for number in range(5):
            people.texts[place.customers.text(people.numbers[number], f"late {number}")] = f"late {number}"

        keeper.revive()
        until(lambda: place.customers.idle() and touches(place) == 45)
        assert keeper.stop() == 0
        found = evidence.gather(place, people, rested=True, wrong=[])
    assert verdict(found) == Verdict()
    assert keeper.ended == {3: 1}
    assert stopped_with < 45
