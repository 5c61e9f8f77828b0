"""Rows go to the driver as tuples: what is written is what is read, column by column, new and changed."""

from __future__ import annotations

from attrs import evolve

from crocevia.store import Store, bindings, interactions, profiles
from crocevia.store.bindings import BindingRow
from crocevia.store.interactions import InteractionRow
from crocevia.store.profiles import ClaimRow, ProfileRow

BINDING = BindingRow(
    id=1, connection="crm", object="Contact", of="profile", subject_id=2, profile_id=3, remote_id="r4", version="v5",
    seen={"a": 6}, agreed={"b": 7}, held=["c"], wanted=9, applied=8, claimed=10, state="linked", due_at=11, attempts=12,
    flips=13, error="e14", urgency=2, writing={"d": 15},
)  # fmt: skip
INTERACTION = InteractionRow(
    id=1, uid="u2", connection="chat", key="k3", part="p4", conversation="c5", profile_id=6, direction="inbound",
    kind="message", at=7, text="t8", detail={"d": 9}, status="read", status_detail="s10", removed=True, revision=11,
    raw_id=12,
)  # fmt: skip
CLAIM = ClaimRow(
    id=20, profile_id=1, address="phone||+393331234567", slot="mobile", shown="333 1234567", position=21, listed=False,
    verified=True, shared=False, shown_by={"chat": True}, since=22,
)  # fmt: skip
PROFILE = ProfileRow(
    id=1, uid="p2", revision=3, fields={"given_name": "Ada"}, origins={"given_name": [4, "chat"]}, deserving=True,
    merged_into=5, created_at=6, changed_at=7, claims={CLAIM.address: CLAIM},
)  # fmt: skip


def test_bindings_come_back_as_they_went(store: Store) -> None:
    """New, then changed in every column that `save` may write; `wanted` is not its to write."""
    changed = evolve(
        BINDING, profile_id=30, remote_id="r31", version=None, seen={}, agreed={}, held=[], applied=32, claimed=None,
        state="gone", due_at=33, attempts=34, flips=35, error=None, writing={},
    )  # fmt: skip
    with store.writing() as connection:
        bindings.add(connection, [BINDING])
        first = bindings.load(connection, [1])
        bindings.save(connection, [evolve(changed, wanted=99)])
        second = bindings.load(connection, [1])

    assert first == [evolve(BINDING, stored=True)]
    assert second == [evolve(changed, stored=True)]


def test_interactions_come_back_as_they_went(store: Store) -> None:
    """New, then changed in every column that may change."""
    with store.writing() as connection:
        interactions.save(connection, [row := evolve(INTERACTION)])
        first = interactions.load(connection, [1])[1]
        row.profile_id, row.conversation, row.text, row.detail = 30, None, None, {"e": 1}
        row.status, row.status_detail, row.removed, row.revision, row.changed = None, None, False, 31, True
        interactions.save(connection, [row])
        second = interactions.load(connection, [1])[1]

    assert first == evolve(INTERACTION, stored=True, changed=False)
    assert second == row


def test_profiles_and_claims_come_back_as_they_went(store: Store) -> None:
    """New, then changed, then a claim that is dropped."""
    with store.writing() as connection:
        profiles.save(connection, [row := evolve(PROFILE, claims={CLAIM.address: (claim := evolve(CLAIM))})])
        first = profiles.load(connection, [1])[1]
        same = (first.fields, first.origins, first.merged_into, first.created_at, first.changed_at, first.deserving)
        row.revision, row.fields, row.origins, row.merged_into, row.changed_at = 8, {}, {}, None, 9
        claim.slot, claim.listed, claim.verified, claim.shown_by = "work", True, False, {}
        row.changed = claim.changed = True
        profiles.save(connection, [row])
        second = profiles.load(connection, [1])[1]
        row.dropped.append(row.claims.pop(CLAIM.address))
        profiles.save(connection, [row])
        third = profiles.load(connection, [1])[1]

    assert same == ({"given_name": "Ada"}, {"given_name": [4, "chat"]}, 5, 6, 7, True)
    assert first.claims == {CLAIM.address: evolve(CLAIM, stored=True, changed=False)}
    assert (second.revision, second.fields, second.merged_into, second.changed_at) == (8, {}, None, 9)
    assert second.claims == {CLAIM.address: claim}
    assert third.claims == {}
