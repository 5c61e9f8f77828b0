"""Interactions that are born in a CRM: a note, or an answer to be sent to the customer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from crocevia.connector import SendsMessages
from crocevia.mapping.lens import Reference
from crocevia.mapping.object import ObjectMapping
from crocevia.model import Direction, InteractionSeen, Party, Status, StatusReported, from_us, to_us
from crocevia.store import bindings, interactions, profiles
from crocevia.store.bindings import BindingRow
from crocevia.store.commands import CommandRow
from crocevia.store.ids import interaction_uid
from crocevia.store.interactions import InteractionRow
from crocevia.store.json import loads
from crocevia.store.profiles import ProfileRow
from crocevia.store.tables import interactions as log
from crocevia.sync import asked, touches
from crocevia.sync.batch import Batch
from crocevia.sync.touches import Leaf


def subjects(batch: Batch, of: str, uids: set[Any]) -> dict[Any, int]:
    """Row ids of our profiles or interactions by external id; keys that are not ours are left out."""
    if of == "profile":
        return dict(profiles.ids_of(batch.transaction, sorted(uids)))
    return {uid: row.id for uid, row in interactions.by_uids(batch.transaction, uids).items()}


class Births:
    """The unbound interaction records of one batch, with the profiles of their customers, read at once.

    Args:
        batch: The transaction's memory.
        mapping: Of the records' object.
        unbound: Their remote values by remote id.
    """

    def __init__(self, batch: Batch, mapping: ObjectMapping, unbound: Mapping[str, Mapping[str, Any]]) -> None:
        self.batch = batch
        self.mapping = mapping
        self.objects = next((lens.objects for lens in mapping.lenses if isinstance(lens, Reference)), ("",))
        self.canonical = {remote_id: decoded(mapping, values) for remote_id, values in unbound.items()}
        customers = {str(found["profile"]) for found in self.canonical.values() if found.get("profile") is not None}
        self.customers: dict[str, int] = {}
        for object_name in reversed(self.objects):
            bound = bindings.by_remote(batch.transaction, batch.live.name, object_name, customers)
            self.customers |= {remote_id: row.subject_id for remote_id, row in bound.items()}
        batch.load_profiles(set(self.customers.values()))

    def born(self, leaf: Leaf, values: Mapping[str, Any]) -> BindingRow | None:
        """Take an interaction that somebody made in the CRM into the log; an answer is sent, once.

        It is bound by its remote id, so that a record told again is known. One whose customer has no profile yet
        waits for that record; one without a customer is ignored.
        """
        batch = self.batch
        canonical = self.canonical[leaf.event.id]
        customer = canonical.get("profile")
        if customer is None:
            batch.counts["ignored"] += 1
            return None
        found = self.customers.get(str(customer)) or self._just_linked(str(customer))
        if found is None:
            touches.park(batch, touches.awaits_record(self.objects[0], str(customer)), leaf)
            return None
        profile = batch.profiles[found]
        row = _row(batch, leaf, profile, canonical)
        batch.interactions[row.uid] = row
        binding = _bind(batch, self.mapping, leaf, row, values)
        batch.bind_new("interaction", [(row.id, profile.id)])
        if row.direction == "outbound" and row.status == "to send":
            answer(batch, profile, row, canonical)
        batch.subjects.add((profile.id, leaf.raw_id))
        batch.counts["applied"] += 1
        touches.say(batch, row, _seen(profile, row))
        if row.status == "failed":
            touches.say(batch, row, failure(batch, row))
        return binding

    def _just_linked(self, customer: str) -> int | None:
        """The profile of a customer's record that this batch itself has linked."""
        linked = (self.batch.linked.get((object_name, customer)) for object_name in self.objects)
        return next((found for found in linked if found is not None), None)


def decoded(mapping: ObjectMapping, values: Mapping[str, Any]) -> dict[str, Any]:
    """Every canonical value of a record; one that is not of its field's type is left out."""
    found: dict[str, Any] = {}
    for lens in mapping.lenses:
        try:
            found.update(lens.read(values, {}))
        except (ValueError, TypeError, ArithmeticError):
            continue
    return found


def _row(batch: Batch, leaf: Leaf, profile: ProfileRow, canonical: Mapping[str, Any]) -> InteractionRow:
    key = f"{leaf.event.object}:{leaf.event.id}"
    at = canonical.get("at")
    direction = canonical.get("direction") or "internal"
    detail = {"channel": canonical.get("channel"), "message_key": canonical.get("message_key")}
    for name in ("author", "in_reply_to", "duration_s", "outcome"):
        if canonical.get(name) is not None:
            detail[name] = canonical[name]
    asked.keep(detail, canonical)
    if canonical.get("connection"):
        detail["road"] = canonical["connection"]
    return InteractionRow(
        id=next(batch.ids),
        uid=interaction_uid(batch.live.name, key),
        connection=batch.live.name,
        key=key,
        part="",
        conversation=canonical.get("conversation"),
        profile_id=profile.id,
        direction=direction,
        kind=canonical.get("kind") or ("message" if direction == "outbound" else "note"),
        at=to_us(at if isinstance(at, datetime) else leaf.event.at),
        text=canonical.get("text"),
        detail=detail,
        status=canonical.get("status"),
        raw_id=leaf.raw_id,
    )


def _bind(
    batch: Batch, mapping: ObjectMapping, leaf: Leaf, row: InteractionRow, values: Mapping[str, Any]
) -> BindingRow:
    """Bound by its remote id, never created again; our key is stamped on it by the first push."""
    binding = BindingRow(
        id=next(batch.ids),
        connection=batch.live.name,
        object=mapping.object,
        of="interaction",
        subject_id=row.id,
        profile_id=row.profile_id,
        remote_id=leaf.event.id,
        version=leaf.event.version,
        seen={name: values[name] for name in mapping.remote_fields if name in values},
        state="linked",
    )
    batch.new_bindings.append(binding)
    return binding


def _seen(profile: ProfileRow, row: InteractionRow) -> InteractionSeen:
    """What was born, as a channel would have told it: for who listens."""
    points = [claim.point for claim in profile.claims.values() if claim.listed]
    customer = Party(points, name=profile.canonical().get("display_name"))
    us = Party(name=row.detail.get("author"))
    inbound = row.direction == "inbound"
    return InteractionSeen(
        key=row.key,
        author=customer if inbound else us,
        recipients=() if inbound else (customer,),
        at=from_us(row.at),
        direction=cast("Direction", row.direction),
        kind=row.kind,
        conversation=row.conversation,
        subject=row.detail.get("subject"),
        text=row.text,
        in_reply_to=row.detail.get("in_reply_to"),
        status=cast("Status | None", row.status),
    )


def failure(batch: Batch, row: InteractionRow) -> StatusReported:
    """That an answer has no road to its customer, for who listens."""
    return StatusReported(of=row.key, status="failed", at=batch.world.clock.now(), detail=row.status_detail)


def answer(batch: Batch, profile: ProfileRow, row: InteractionRow, canonical: Mapping[str, Any]) -> None:
    """Find the road of an answer and command it to be sent; without a road it has failed, and says so."""
    try:
        said = asked.asked(canonical)
    except ValueError as error:
        row.status, row.status_detail = "failed", str(error)
        return
    road = _road(batch, profile, canonical, row.kind)
    if road is None:
        row.status, row.status_detail = "failed", "no channel reaches this customer: name one, or wait until he writes"
        return
    connection, conversation, address = road
    row.conversation = conversation
    row.detail |= {"channel": batch.world.lives[connection].kind, "road": connection}
    row.status = "sending"
    batch.commands.append(
        CommandRow(
            id=next(batch.ids),
            uid=row.uid,
            connection=connection,
            verb="send",
            profile_id=profile.id,
            interaction_id=row.id,
            payload={
                "to": address,
                "conversation": conversation,
                "text": row.text,
                "in_reply_to": canonical.get("in_reply_to"),
                "kind": row.kind,
                "author": row.detail.get("author"),
                **said,
            },
            created_at=batch.now,
            changed_at=batch.now,
            thread=conversation or address,
        )
    )


def _road(
    batch: Batch, profile: ProfileRow, canonical: Mapping[str, Any], kind: str
) -> tuple[str, str | None, str] | None:
    """`(connection, conversation, address)`: the channel that the answer names, else where the customer wrote last.

    One that says what it answers goes where that was said.
    """
    lives = batch.world.lives
    named = canonical.get("connection") or canonical.get("channel")
    sending = {
        name: live.connector
        for name, live in lives.items()
        if isinstance(live.connector, SendsMessages)
        and live.connector.carries(kind)
        and (not named or named in (name, live.kind))
    }
    newest = (
        sa.select(log.c.connection, log.c.conversation, log.c.detail)
        .where(log.c.profile_id == profile.id, log.c.direction == "inbound", log.c.connection.in_(list(sending)))
        .order_by(log.c.at.desc(), log.c.id.desc())
        .limit(1)
    )
    answered = [interaction_uid(name, key) for name in sending if (key := canonical.get("in_reply_to"))]
    last = batch.transaction.execute(newest.where(log.c.uid.in_(answered))).one_or_none() if answered else None
    last = last or batch.transaction.execute(newest).one_or_none()
    order = [last.connection] if last else []
    order += [name for name in sending if name not in order]
    for name in order:
        heard = last if last and last.connection == name else None
        wrote_from = loads(heard.detail).get("wrote_from") if heard else None
        address = _address(name, sending[name].address_kinds(), profile, wrote_from)
        if address is not None:
            return name, heard.conversation if heard else canonical.get("conversation"), address
    return None


def _address(name: str, kinds: tuple[str, ...], profile: ProfileRow, wrote_from: str | None) -> str | None:
    """The customer's address on a channel: where he wrote from last, however the CRM lists him now.

    Failing that, an address that the channel itself has shown, then proven ones, in the order of the channel's kinds.
    """
    if wrote_from in profile.claims:
        return wrote_from
    held = sorted(
        profile.claims.values(),
        key=lambda claim: (name not in claim.shown_by, not claim.verified, not claim.listed, claim.position),
    )
    for kind in kinds:
        for claim in held:
            point = claim.point
            if point.kind == kind and point.scope != "unreadable":
                return claim.address
    return None
