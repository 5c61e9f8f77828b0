"""Merges: two profiles become one customer, in the log, in the CRMs, and for plugins."""

from typing import Any

import pytest

from crocevia import Event, InteractionSeen, Party, hookimpl
from crocevia.model import from_us
from crocevia.store.profiles import ProfileRow, ids_of
from crocevia.store.tables import bindings, claims, interactions, merges, profiles, reviews
from crocevia.sync.batch import Batch
from crocevia.sync.hand import by_hand
from crocevia.sync.merge import Merged, merge
from crocevia.testing.clock import START
from tests.core.conftest import Crossroads, Script, scripted
from tests.core.test_identity_resolve import mail, phone, said


@pytest.fixture(autouse=True)
def _script(crossroads: Crossroads) -> None:
    crossroads.more["script"] = lambda: Script(Script.settings_type()(), connection="script")


def take_in(crossroads: Crossroads, *events: Event) -> None:
    """In one batch."""
    crossroads.world  # noqa: B018 - started
    crossroads.post(scripted(*events), connection="script")
    crossroads.turn("script")


def living(crossroads: Crossroads) -> list[str]:
    """External ids of the profiles that were not merged away, oldest first."""
    return [row["uid"] for row in crossroads.rows(profiles) if row["merged_into"] is None]


def loaded(batch: Batch, *uids: str) -> list[ProfileRow]:
    """Profiles by external id, as a batch has them."""
    ids = ids_of(batch.transaction, uids)
    found = batch.load_profiles(set(ids.values()))
    return [found[ids[uid]] for uid in uids]


def by_person(crossroads: Crossroads, survivor: str, loser: str) -> Merged | None:
    """Merge by hand."""
    with by_hand(crossroads.world) as batch:
        one, other = loaded(batch, survivor, loser)
        return merge(batch, one, other, by="person", reason="the same person")


def test_two_profiles_become_one_everywhere(crossroads: Crossroads) -> None:
    """Contact points, interactions and each CRM's records follow; nothing is written at rest."""
    take_in(crossroads, said("1", phone(), name="Ada"), said("2", mail(), name="A. Rossi"))
    crossroads.settle()
    first, second = living(crossroads)
    done = by_person(crossroads, first, second)
    assert done is not None
    assert (done.addresses, done.interactions) == (["email||ada@example.com"], 1)
    assert living(crossroads) == [first]
    assert {row["profile_id"] for row in crossroads.rows(interactions)} == {crossroads.rows(profiles)[0]["id"]}
    assert {row["profile_id"] for row in crossroads.rows(claims)} == {crossroads.rows(profiles)[0]["id"]}
    crossroads.settle()
    crossroads.check()
    for crm in crossroads.crms.values():
        kept = crm.by_key(first)
        assert {row["person"] for row in crm.records("Touch").values()} == {kept}
        assert crm.record(kept or "")["email"] == "ada@example.com"
    assert sorted(row["connection"] for row in crossroads.rows(reviews, kind="double record")) == ["a", "b"]
    assert [row["state"] for row in crossroads.rows(bindings, of="profile")] == ["linked", "linked", "review", "review"]
