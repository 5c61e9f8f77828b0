"""Who gets a record in which CRM, and as what: the connection's setting, before it what plugins say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import structlog

from crocevia.model import Customer
from crocevia.store import bindings, interactions
from crocevia.store.bindings import LIVE, BindingRow
from crocevia.store.profiles import ProfileRow
from crocevia.sync.world import Live, Target, World

if TYPE_CHECKING:
    from crocevia.sync.batch import Batch

_HOOK = "crocevia_deserve_record"
_log = structlog.get_logger("crocevia.deserve")


def reachable(profile: ProfileRow) -> bool:
    """Whether a verified phone or e-mail is known: that identifies somebody."""
    return any(claim.verified and claim.address.startswith(("phone||", "email||")) for claim in profile.claims.values())


def settle(batch: Batch) -> None:
    """Give records to those of the batch's customers who deserve one where they have none, and to what they said.

    A customer has a record on a connection when he is bound there, as whatever object; his interactions follow him.
    """
    asked = batch.considered | {row.id for row in batch.profiles.values() if row.changed_fields}
    batch.considered.clear()
    if not asked:
        return
    profiles = list({row.id: row for row in batch.load_profiles(asked).values() if row.merged_into is None}.values())
    places = _places(batch, profiles)
    new = {row.subject_id for row in batch.new_bindings if row.of == "profile"}
    made: list[tuple[ProfileRow, Target]] = []
    for live in batch.world.lives.values():
        if not live.writes or live.mapping_of("profile") is None:
            continue
        without = [row for row in profiles if live.name not in places[row.id]]
        for row, object_name in zip(without, objects(batch.world, live, without), strict=True):
            if object_name is not None:
                made.append((row, Target(live.name, object_name)))
                places[row.id].add(live.name)
    batch.new_bindings += [_binding(batch, "profile", row.id, row.id, target) for row, target in made]
    _bind_interactions(batch, places, new | {row.id for row, _ in made})


def objects(world: World, live: Live, profiles: Sequence[ProfileRow]) -> list[str | None]:
    """As what each of these customers deserves a record on a connection; None: none. Same order."""
    mapping = live.mapping_of("profile")
    if not profiles or mapping is None:
        return [None] * len(profiles)
    first = mapping.object
    known = list(dict.fromkeys((first, *(mapping.object for mapping in live.mappings_of("profile")))))
    customers = [
        Customer(profile=row.uid, values=row.canonical(), known=row.deserving, identified=reachable(row))
        for row in profiles
    ]
    said = world.dispatcher.decide(_HOOK, customers, connection=live.name, objects=tuple(known))
    found: list[str | None] = []
    for customer, verdict in zip(customers, said, strict=True):
        if isinstance(verdict, str) and verdict not in known:
            _log.warning("a plugin named an object that holds no customers", connection=live.name, expected=known)
            verdict = None  # noqa: PLW2901 - as if nobody had answered
        deserves = verdict if verdict is not None else _by_setting(live, customer)
        found.append(deserves if isinstance(deserves, str) else first if deserves else None)
    return found


def _by_setting(live: Live, customer: Customer) -> bool:
    match live.options.records:
        case "everyone":
            return True
        case "identified":
            return customer.identified
        case "known":
            return False
        case _:
            return customer.known


def _places(batch: Batch, profiles: Iterable[ProfileRow]) -> dict[int, set[str]]:
    """The connections on which each of these profiles is bound, by profile."""
    places: dict[int, set[str]] = {row.id: set() for row in profiles}
    stored = bindings.of_subjects(batch.transaction, "profile", places)
    for row in (*stored, *batch.new_bindings):
        if row.of == "profile" and row.subject_id in places:
            places[row.subject_id].add(row.connection)
    return places


def _bind_interactions(batch: Batch, places: dict[int, set[str]], new: set[int]) -> None:
    """Bind the batch's interactions where their customers are; of who is new somewhere, all, also those before."""
    wanted = {}
    for (subject, profile), urgency in batch.to_bind.items():
        survivor = batch.profiles.get(profile)
        wanted[subject, survivor.id if survivor else profile] = urgency
    batch.to_bind.clear()
    before = interactions.of_profiles(batch.transaction, new)
    before += [(row.id, row.profile_id) for row in batch.interactions.values() if row.profile_id in new]
    wanted = {**dict.fromkeys(before, LIVE), **wanted}
    for target in batch.world.targets("interaction"):
        batch.new_bindings += [
            _binding(batch, "interaction", subject, profile, target, urgency)
            for (subject, profile), urgency in wanted.items()
            if target.connection in places.get(profile, ())
        ]


def _binding(batch: Batch, of: str, subject: int, profile: int, target: Target, urgency: int = LIVE) -> BindingRow:
    return BindingRow(
        id=next(batch.ids),
        connection=target.connection,
        object=target.object,
        of=of,
        subject_id=subject,
        profile_id=profile,
        urgency=urgency,
    )
