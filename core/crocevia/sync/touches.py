"""Interactions, their revisions and statuses: from events to the log, in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import frozen

from crocevia.mapping.lens import Reference
from crocevia.model import (
    InteractionCompleted,
    InteractionRemoved,
    InteractionRevised,
    InteractionSeen,
    Party,
    Status,
    StatusReported,
    to_us,
)
from crocevia.model.status import advances, together
from crocevia.model.wire import from_wire, to_wire
from crocevia.store import commands, dead, interactions
from crocevia.store.commands import CommandRow
from crocevia.store.ids import interaction_uid
from crocevia.store.interactions import InteractionRow, duration_s
from crocevia.store.json import dumps, loads
from crocevia.store.profiles import ProfileRow
from crocevia.store.seen import chunks
from crocevia.store.tables import parked
from crocevia.sync import completed, consent, deserve, echoes, identified
from crocevia.sync.batch import Batch
from crocevia.sync.degrade import part_of
from crocevia.sync.resolve import resolve

Revision = InteractionRevised | InteractionRemoved | InteractionCompleted | StatusReported


@frozen(eq=False)
class Leaf:
    """One event and the raw it was found in."""

    raw_id: int
    event: Any


def apply_seen(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """Log new interactions under the right profiles and want them in every CRM."""
    events: list[InteractionSeen] = [leaf.event for leaf in leaves]
    uids = [interaction_uid(batch.live.name, event.key, event.part) for event in events]
    known = interactions.by_uids(batch.transaction, set(uids))
    fresh: dict[str, Leaf] = {}
    for uid, leaf in zip(uids, leaves, strict=True):
        if uid in known or uid in fresh:
            batch.counts["superseded"] += 1  # our own message coming back as an echo
        else:
            fresh[uid] = leaf
    for command, event in echoes.ours(batch, [leaf.event for leaf in fresh.values()]):
        settle_sends(batch, [(command, event.key)])  # an echo that came before the status
        batch.counts["superseded"] += 1
        del fresh[interaction_uid(batch.live.name, event.key, event.part)]
    answers = {uid: leaf for uid, leaf in fresh.items() if _answers_unnamed(leaf.event)}
    named = {uid: leaf for uid, leaf in fresh.items() if uid not in answers}
    parties = identified.in_normal_form(batch, [leaf.event.customer for leaf in named.values()])
    for (uid, leaf), party, profile in zip(named.items(), parties, resolve(batch, parties), strict=True):
        _log(batch, uid, leaf, party, profile)
    for (uid, leaf), profile in zip(answers.items(), _answered(batch, answers.values()), strict=True):
        _log(batch, uid, leaf, Party(), profile)
    consent.overhear(batch, [(batch.interactions[uid], leaf.event) for uid, leaf in fresh.items()])
    unpark(batch, list(fresh))


def _answers_unnamed(event: InteractionSeen) -> bool:
    """Whether it is ours and names no customer, but what it answers: a page's own comment under somebody's."""
    return event.direction == "outbound" and event.in_reply_to is not None and not event.customer.points


def _answered(batch: Batch, leaves: Iterable[Leaf]) -> list[ProfileRow]:
    """Whose words these answer; where those are not known, a profile of nobody."""
    uids = [interaction_uid(batch.live.name, leaf.event.in_reply_to) for leaf in leaves]
    known = {**interactions.by_uids(batch.transaction, set(uids)), **batch.interactions}
    found = batch.load_profiles({known[uid].profile_id for uid in uids if uid in known})
    return [found[known[uid].profile_id] if uid in known else batch.new_profile() for uid in uids]


def _log(batch: Batch, uid: str, leaf: Leaf, party: Party, profile: ProfileRow) -> None:
    event: InteractionSeen = leaf.event
    at = to_us(event.at)
    row = InteractionRow(
        id=next(batch.ids),
        uid=uid,
        connection=batch.live.name,
        key=event.key,
        part=event.part,
        conversation=event.conversation,
        profile_id=profile.id,
        direction=event.direction,
        kind=event.kind,
        at=at,
        text=event.text,
        detail=_detail(batch, event, party),
        status=event.status,
        raw_id=leaf.raw_id,
    )
    batch.interactions[uid] = row
    batch.subjects.add((profile.id, leaf.raw_id))
    batch.counts["applied"] += 1
    identified.learn(batch, profile, event.customer, at)
    if party.points and (not event.public or deserve.reachable(profile)):  # who shows nothing is nobody's customer
        batch.deserve(profile)
    if profile.deserving or batch.ruled:
        batch.bind_new("interaction", ((row.id, profile.id),))
    else:
        batch.unbound.setdefault(profile.id, []).append(row.id)
    say(batch, row, event)


def _detail(batch: Batch, event: InteractionSeen, party: Party) -> dict[str, Any]:
    """What is rarely searched for; absent keys are the ordinary case."""
    wrote_from = _wrote_from(batch, party) if event.direction == "inbound" else None
    shown = [point.address for point in party.points]
    said = (
        ("channel", batch.live.kind),
        ("author", event.author.name),
        ("subject", event.subject),
        ("in_reply_to", event.in_reply_to),
        ("duration_s", duration_s(event.duration)),
        ("outcome", event.outcome),
        ("automated", event.automated or None),
        ("public", event.public or None),
        ("attachments", [file.facts() for file in event.attachments] if event.attachments else None),
        ("wrote_from", wrote_from),
        ("shown", shown if shown and shown != [wrote_from] else None),
    )
    return {name: value for name, value in said if value is not None}


def _wrote_from(batch: Batch, party: Party) -> str | None:
    """The address to answer to: the first that this channel can send to."""
    for point in party.points:
        if point.kind in batch.live.address_kinds:
            return point.address
    return None


def say(batch: Batch, row: InteractionRow, event: Any) -> None:
    """Announce an interaction or its revision, when somebody listens."""
    if "crocevia_interaction_logged" in batch.world.listened:
        batch.announce(
            "crocevia_interaction_logged",
            {"interaction": row.uid, "revision": row.revision, "event": to_wire(event)},
            profile=row.profile_id,
            subject=row.id,
        )


# --- revisions ------------------------------------------------------------------------------------------------------


def apply_revisions(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """Apply edits, removals, completions and statuses; what comes before its interaction waits parked."""
    uids = {leaf: interaction_uid(batch.live.name, leaf.event.of, leaf.event.part) for leaf in leaves}
    missing = {uid for uid in uids.values() if uid not in batch.interactions}
    batch.interactions.update(interactions.by_uids(batch.transaction, missing))
    _settle(batch, [leaf for leaf in leaves if uids[leaf] not in batch.interactions])
    waiting: list[dict[str, Any]] = []
    recognised: list[tuple[InteractionRow, Party, int]] = []
    for leaf in leaves:
        row = batch.interactions.get(uids[leaf])
        if row is None:
            waiting.append(_parked(batch, uids[leaf], leaf))
        else:
            revise(batch, row, leaf)
            if isinstance(leaf.event, InteractionCompleted) and leaf.event.author is not None:
                recognised.append((row, leaf.event.author, to_us(leaf.event.at)))
    if waiting:
        batch.transaction.execute(sa.insert(parked), waiting)
    identified.recognise(batch, recognised)


def _parked(batch: Batch, awaits: str, leaf: Leaf) -> dict[str, Any]:
    return {
        "id": next(batch.ids),
        "connection": batch.live.name,
        "awaits": awaits,
        "event": dumps(to_wire(leaf.event)),
        "raw_id": leaf.raw_id,
        "since": batch.now,
    }


def park(batch: Batch, awaits: str, leaf: Leaf) -> None:
    """Keep an event until what it needs is there."""
    batch.transaction.execute(sa.insert(parked), [_parked(batch, awaits, leaf)])


def unparked(batch: Batch, awaited: Iterable[str]) -> list[Leaf]:
    """Take the events of this connection that waited for these, oldest first."""
    found: list[Any] = []
    for chunk in chunks(sorted(awaited), 500):
        statement = sa.select(parked).where(parked.c.awaits.in_(chunk), parked.c.connection == batch.live.name)
        found.extend(batch.transaction.execute(statement.order_by(parked.c.id)).all())
    if found:
        batch.transaction.execute(sa.delete(parked).where(parked.c.id.in_([row.id for row in found])))
    return [Leaf(row.raw_id, from_wire(loads(row.event))) for row in found]


def unpark(batch: Batch, uids: Sequence[str]) -> None:
    """Apply the revisions that came before these interactions."""
    leaves = unparked(batch, uids)
    if leaves:
        apply_revisions(batch, leaves)


def awaits_record(object_name: str, remote_id: str) -> str:
    """What an event waits for whose CRM record is not known yet."""
    return f"record:{object_name}:{remote_id}"


def unpark_records(batch: Batch, object_name: str, remote_id: str) -> None:
    """Take up what waited for this CRM record, after everything else of the batch (`take_up`)."""
    batch.awaited.append((object_name, remote_id))


def take_up(batch: Batch) -> None:
    """Take up, in few statements, what waited for the CRM records that this batch has linked."""
    lenses = [lens for mapping in batch.live.mappings.values() for lens in mapping.lenses]
    references = [lens for lens in lenses if isinstance(lens, Reference)]
    awaited: set[str] = set()
    for object_name, remote_id in batch.awaited:
        # what may point to several objects waits under the first of them
        names = {object_name, *(lens.object for lens in references if object_name in lens.also)}
        awaited |= {awaits_record(name, remote_id) for name in names}
    batch.awaited.clear()
    batch.late.extend(unparked(batch, awaited))


def _settle(batch: Batch, leaves: Sequence[Leaf]) -> None:
    """A status that hands our command's id back settles a send whose outcome was unknown."""
    callbacks = {
        part_of(leaf.event.callback): leaf.event
        for leaf in leaves
        if isinstance(leaf.event, StatusReported) and leaf.event.callback
    }
    doubtful = [
        (command, (command.uid, len(command.keys) + 1))
        for command in commands.by_uids(batch.transaction, {uid for uid, _ in callbacks}).values()
        if command.state in ("unknown", "claimed") and command.connection == batch.live.name
    ]
    settle_sends(batch, [(command, callbacks[part].of) for command, part in doubtful if part in callbacks])


def settle_sends(batch: Batch, found: Sequence[tuple[CommandRow, str]]) -> None:
    """Sends whose outcome was unknown have gone out, as messages of these keys; what they have left goes on."""
    settled = [command for command, _ in found]
    rows = interactions.load(batch.transaction, {row.interaction_id for row in settled if row.interaction_id})
    for command, key in found:
        row = rows.get(command.interaction_id or 0)
        if row is not None:
            sent(batch, row, command, key)
        command.changed_at = batch.now
        if command.taken(key) and row is not None:
            say(batch, row, StatusReported(of=key, status="sent", at=batch.world.clock.now(), callback=command.uid))
    commands.save(batch.transaction, settled)
    dead.close(batch.transaction, "command", [command.id for command in settled])


def sent(batch: Batch, row: InteractionRow, command: CommandRow, key: str, conversation: str | None = None) -> None:
    """A reply, or its next part, has become a message on its channel, under the channel's own `key`."""
    uid = interaction_uid(batch.live.name, key)
    row.conversation = conversation or row.conversation
    if (command.answer or {}).get("public"):
        row.detail["public"] = True
    if not command.keys:
        row.detail["message_key"] = key
    if len(command.parts) > 1:
        went = {name: status for name, status in row.detail.get("parts", {}).items() if name != _UNSENT}
        row.detail |= {"parts": {**went, key: "sent"}, "of_parts": len(command.parts)}
        _put_together(row, None)
    elif advances("sent", row.status):
        row.status, row.status_detail = "sent", None
    changed(batch, row)
    batch.aliases.append((uid, row.id))
    batch.interactions[uid] = row


_UNSENT = ""
"""Stands for the key of a part that did not go."""


def failed(batch: Batch, row: InteractionRow, detail: str) -> None:
    """A reply did not go out, and will not: the record in the CRM says so and why."""
    row.status, row.status_detail = "failed", detail
    if "parts" in row.detail:
        row.detail["parts"] = {**row.detail["parts"], _UNSENT: "failed"}
    changed(batch, row)


def _put_together(row: InteractionRow, detail: str | None) -> None:
    """The status of a reply that goes as several messages: that of the part that fares worst."""
    fared = row.detail["parts"].values()
    whole = "failed" in fared or len(fared) == row.detail["of_parts"]
    row.status = together(fared) if whole else "sending"
    row.status_detail = detail or row.status_detail if row.status == "failed" else None


def revise(batch: Batch, row: InteractionRow, leaf: Leaf) -> None:
    """Apply one edit, removal, completion or status to its interaction."""
    event: Revision = leaf.event
    before = row.text if not isinstance(event, StatusReported) else row.status
    applied = _revised(row, event)
    batch.counts["applied" if applied else "superseded"] += 1
    batch.subjects.add((row.profile_id, leaf.raw_id))
    batch.revisions.append(
        {
            "id": next(batch.ids),
            "interaction_id": row.id,
            "profile_id": row.profile_id,
            "action": event.tag if applied else f"{event.tag}, superseded",
            "at": to_us(event.at),
            "before": before,
            "raw_id": leaf.raw_id,
        }
    )
    if applied:
        changed(batch, row)
        say(batch, row, event)


def _revised(row: InteractionRow, event: Revision) -> bool:
    """Change the row in memory; False when something newer is known already."""
    match event:
        case StatusReported():
            return _fared(row, event)
        case InteractionCompleted():
            return completed.complete(row, event)
        case InteractionRemoved():
            already, row.removed, row.text = row.removed, True, None
            return not already
        case InteractionRevised():
            return not row.removed and _edited(row, event)


def _fared(row: InteractionRow, event: StatusReported) -> bool:
    parts: dict[str, Status] = row.detail.get("parts", {})
    if event.of in parts:
        if not advances(event.status, parts[event.of]):
            return False
        row.detail["parts"] = {**parts, event.of: event.status}
        _put_together(row, event.detail)
        return True
    if not advances(event.status, row.status):
        return False
    row.status, row.status_detail = event.status, event.detail
    return True


def _edited(row: InteractionRow, event: InteractionRevised) -> bool:
    if to_us(event.at) < row.detail.get("edited_at", 0):
        return False
    row.detail["edited_at"] = to_us(event.at)
    row.text = event.text
    if event.attachments is not None:
        row.detail["attachments"] = [file.facts() for file in event.attachments]
    return True


def changed(batch: Batch, row: InteractionRow) -> None:
    """It is at a further revision now, wherever it has a record."""
    row.revision += 1
    row.changed = True
    if row.stored:
        batch.want("interaction", row.id)
