"""Any merges, unmerges and touches, in any order: nobody's interactions, addresses or records are lost or doubled."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crocevia.errors import RefusedError
from crocevia.store import Store
from crocevia.store.tables import bindings, claims, interactions, merges, moved, profiles
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import merge
from crocevia.sync.unmerge import unmerge
from crocevia.testing import FakeClock, MemoryChannel, MemoryCRM
from tests.core.conftest import Crossroads, Script
from tests.core.test_identity_resolve import mail, phone, said
from tests.core.test_sync_merge import state, take_in

PEOPLE = 4
_number = st.integers(0, PEOPLE - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("touch"), _number, st.booleans()),
        st.tuples(st.just("merge"), _number, _number),
        st.tuples(st.just("unmerge"), _number, st.just(0)),
        st.tuples(st.just("there and back"), _number, _number),
        st.tuples(st.just("settle"), st.just(0), st.just(0)),
    ),
    min_size=4,
    max_size=9,
)


@settings(
    max_examples=8,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=[HealthCheck.too_slow],
)
@given(steps=STEPS)
def test_merges_and_unmerges_lose_nothing(
    steps: list[tuple[str, int, Any]], migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """After each step everything belongs to exactly one living customer; what is done and undone was never done."""
    path = tmp_path_factory.mktemp("merges") / "store.db"
    shutil.copy(migrated_sqlite, path)
    store, clock = Store(f"sqlite:///{path}"), FakeClock()
    road = Crossroads(store, clock, MemoryChannel(clock=clock), MemoryCRM(clock=clock), MemoryCRM(clock=clock))
    road.more["script"] = lambda: Script(Script.settings_type()(), connection="script")
    try:
        take_in(road, *(said(f"first {n}", phone(f"+39333000000{n}"), name=f"Person {n}") for n in range(PEOPLE)))
        people = [row["id"] for row in road.rows(profiles)]
        for number, (what, one, other) in enumerate(steps):
            act(road, people, f"{number}", what, one, other)
            holds(road)
        road.settle()
        road.check()
        holds(road)
    finally:
        store.close()


def act(road: Crossroads, people: list[int], key: str, what: str, one: int, other: Any) -> None:
    """One step."""
    match what:
        case "touch":
            points = [phone(f"+39333000000{one}"), *([mail(f"p{one}@example.com")] if other else [])]
            take_in(road, said(key, *points))
        case "merge":
            join(road, people[one], people[other])
        case "unmerge":
            split(road, people[one])
        case "there and back":
            before = state(road)
            gone = join(road, people[one], people[other])
            if gone is not None:
                assert split(road, gone)
                assert state(road) == before
        case "settle":
            road.settle()


def join(road: Crossroads, one: int, other: int) -> int | None:
    """Merge whoever these are now; the row id of the one that is merged away, None when they are one already."""
    with by_hand(road.world) as batch:
        rows = batch.load_profiles([one, other])
        done = merge(batch, rows[one], rows[other], by="person", reason="a test")
        return None if done is None else rows[other].id


def split(road: Crossroads, one: int) -> bool:
    """Unmerge; whether it could be done. A refusal changes nothing."""
    before = state(road)
    try:
        with by_hand(road.world) as batch:
            unmerge(batch, one, by="person")
    except RefusedError:
        assert state(road) == before
        return False
    return True


def holds(road: Crossroads) -> None:
    """What is true at any time."""
    rows = {row["id"]: row["merged_into"] for row in road.rows(profiles)}
    alive = {row for row, into in rows.items() if into is None}
    assert {into for into in rows.values() if into is not None} <= alive, "a pointer leads to a living profile"
    mine = {row["id"]: row["profile_id"] for row in road.rows(interactions)}
    assert set(mine.values()) <= alive, "an interaction belongs to a living profile"
    assert {row["profile_id"] for row in road.rows(claims)} <= alive, "a claim belongs to a living profile"
    held = [row["address"] for row in road.rows(claims)]
    assert len(held) == len(set(held)), "an address is claimed once"
    assert {f"phone||+39333000000{n}" for n in range(PEOPLE)} <= set(held), "no address is lost"
    records = road.rows(bindings)
    assert all(row["profile_id"] == mine[row["subject_id"]] for row in records if row["of"] == "interaction")
    logged = [(row["connection"], row["subject_id"]) for row in records if row["of"] == "interaction"]
    assert sorted(logged) == sorted((name, one) for name in ("a", "b") for one in mine), "one record in each CRM"
    places = {(row["connection"], row["subject_id"]) for row in records if row["of"] == "profile"}
    assert {(name, one) for name in ("a", "b") for one in alive} <= places, "no customer is without its place"
    live = {row["id"] for row in road.rows(merges) if row["undone_at"] is None}
    assert {row["merge_id"] for row in road.rows(moved)} <= live, "what is undone leaves nothing"
    for name, crm in road.crms.items():
        bound = [row["remote_id"] for row in records if row["connection"] == name and row["remote_id"] is not None]
        assert len(bound) == len(set(bound))
        assert set(crm.records()) <= set(bound), "every record there is bound"
