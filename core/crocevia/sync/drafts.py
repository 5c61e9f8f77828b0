"""An answer that somebody drafts in a CRM: his to change until he sets it to be sent, then it goes out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crocevia.mapping.object import ObjectMapping
from crocevia.model import StatusReported
from crocevia.store import commands, interactions
from crocevia.store.bindings import BindingRow
from crocevia.store.interactions import InteractionRow
from crocevia.sync import asked, births, touches
from crocevia.sync.batch import Batch

TO_SEND = "to send"


def heard(batch: Batch, mapping: ObjectMapping, row: BindingRow, values: Mapping[str, Any]) -> bool:
    """Take a change of a record that is a draft, and send it when that is what the change says.

    A draft was born in this CRM, is outbound (or becomes so as it is set to be sent), and was never on its way.

    Returns:
        Whether it is one; what else is changed in the log is not the CRM's to say.
    """
    canonical = births.decoded(mapping, values)
    if canonical.get("connection") == batch.live.name:
        del canonical["connection"]  # our own word for where it was born, not a road that somebody named
    if canonical.get("direction") != "outbound":
        return False
    draft = interactions.load(batch.transaction, [row.subject_id]).get(row.subject_id)
    if draft is None or draft.connection != batch.live.name or draft.status not in (None, TO_SEND):
        return False
    if commands.by_uids(batch.transaction, [draft.uid]):
        return False
    draft = batch.interactions.setdefault(draft.uid, draft)
    _take(draft, canonical)
    if canonical.get("status") == TO_SEND:
        profile = batch.load_profiles([draft.profile_id])[draft.profile_id]
        births.answer(batch, profile, draft, canonical)
        told = StatusReported(of=draft.key, status="sending", at=batch.world.clock.now())
        touches.say(batch, draft, told if draft.status == "sending" else births.failure(batch, draft))
    touches.changed(batch, draft)
    return True


def _take(draft: InteractionRow, canonical: Mapping[str, Any]) -> None:
    draft.direction = "outbound"
    draft.text = canonical.get("text")
    draft.kind = "message" if draft.kind == "note" else draft.kind
    for name in ("in_reply_to", "author"):
        if canonical.get(name) is not None:
            draft.detail[name] = canonical[name]
    asked.keep(draft.detail, canonical)
    draft.conversation = canonical.get("conversation") or draft.conversation
