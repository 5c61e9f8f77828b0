"""What is about to be sent, with all that decides whether it may be; looked up for many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from attrs import evolve, frozen
from sqlalchemy.engine import Connection

from crocevia.connector import SendsMessages
from crocevia.model import Attachment, Button, Capabilities, ContactPoint, Message, Template, from_us
from crocevia.store import consents, interactions
from crocevia.store.commands import CommandRow
from crocevia.store.ids import interaction_uid
from crocevia.store.interactions import InteractionRow
from crocevia.sync import consent, degrade
from crocevia.sync.audience import audience
from crocevia.sync.world import Live

MOST_AUTOMATED = 5
"""So many automatic messages in a conversation within `LOOP` are a machine that answers machines."""
LOOP = timedelta(hours=1)
_US = 1_000_000


@frozen
class Going:
    """One send that is due.

    Attributes:
        message: As it was asked for; its parts are made of it when it goes.
        limits: Of its conversation.
        refusal: Why it does not go; None when nothing is known against it.
    """

    row: CommandRow
    message: Message
    limits: Capabilities
    refusal: str | None


def outgoing(
    connection: Connection, live: Live, channel: SendsMessages, rows: Sequence[CommandRow], now: int
) -> list[Going]:
    """What these commands send and whether it may go; same order, in few statements."""
    asked = [row.payload for row in rows]
    told = interactions.load(connection, {row.interaction_id for row in rows if row.interaction_id is not None})
    last = interactions.last_inbound(connection, live.name, {one["conversation"] for one in asked if _in_thread(one)})
    uids = {interaction_uid(live.name, one["in_reply_to"]) for one in asked if one.get("in_reply_to")}
    answered = interactions.by_uids(connection, uids)
    people = [_whose(told, row) for row in rows]
    words = consents.of_addresses(connection, {one["to"] for one in asked}) if rows else []
    words += [row for row in consents.of_profiles(connection, set(people)) if row.id not in {one.id for one in words}]
    loud = _loud(connection, live, asked, now)
    found = []
    for row, person in zip(rows, people, strict=True):
        one = row.payload
        limits = channel.capabilities(one.get("conversation"))
        said = _message(row, last.get(one.get("conversation") or ""))
        to = _answered(one, answered, last, live)
        mine = consent.of_sends(words, live.kind, one["to"], person)
        objection = consent.objection(mine, said.purpose, opt_in=live.options.marketing == "opt in")
        objection = objection or _to_machine(said, to, loud[one.get("conversation")])
        public = _public(row, to, limits, by_default=live.options.answers_in_public)
        refusal = objection or (public if isinstance(public, str) else None)
        found.append(Going(row, evolve(said, public=public is True), limits, refusal))
    return found


def _in_thread(asked: dict[str, Any]) -> bool:
    return asked.get("conversation") is not None


def _whose(told: dict[int, InteractionRow], row: CommandRow) -> int:
    """The customer of today: an interaction follows a merge, a command does not."""
    found = told.get(row.interaction_id or 0)
    return row.profile_id if found is None else found.profile_id


def _message(row: CommandRow, last: InteractionRow | None) -> Message:
    asked = row.payload
    template = asked.get("template")
    return Message(
        id=row.uid,
        to=ContactPoint.from_address(asked["to"]),
        conversation=asked.get("conversation"),
        text=asked.get("text"),
        template=None if template is None else _template(template),
        attachments=_files(asked),
        in_reply_to=asked.get("in_reply_to"),
        last_inbound_at=None if last is None else from_us(last.at),
        subject=asked.get("subject"),
        buttons=_buttons(asked),
        purpose=asked.get("purpose") or "service",
        kind=asked.get("kind") or "message",
        author=asked.get("author"),
        automated=bool(asked.get("automated")),
    )


def _template(values: dict[str, Any]) -> Template:
    return Template(**{**values, "parameters": tuple(values.get("parameters", ()))})


def _files(values: dict[str, Any]) -> tuple[Attachment, ...]:
    return tuple(Attachment(**file) for file in values.get("attachments", ()))


def _buttons(values: dict[str, Any]) -> tuple[Button, ...]:
    return tuple(Button(**one) for one in values.get("buttons", ()))


# --- who reads it, who answers it -----------------------------------------------------------------------------------


def _answered(
    asked: dict[str, Any], answered: dict[str, InteractionRow], last: dict[str, InteractionRow], live: Live
) -> InteractionRow | None:
    """What a message answers: what it names, else what the customer wrote last there; None: nothing that is known."""
    if asked.get("in_reply_to"):
        return answered.get(interaction_uid(live.name, asked["in_reply_to"]))
    return last.get(asked.get("conversation") or "")


def _public(row: CommandRow, to: InteractionRow | None, limits: Capabilities, *, by_default: bool) -> bool | str:
    """Whether others may read it; a message that is half out goes on where it began."""
    begun = (row.answer or {}).get("public")
    if begun is not None:
        return bool(begun)
    of_public = to is not None and to.direction == "inbound" and bool(to.detail.get("public"))
    return audience(asked=row.payload.get("public"), of_public=of_public, by_default=by_default, limits=limits)


def _loud(connection: Connection, live: Live, asked: Sequence[dict[str, Any]], now: int) -> Counter[str | None]:
    """How many automatic messages came lately in the conversations into which no person would write now."""
    threads = {one["conversation"] for one in asked if _in_thread(one) and _impersonal(one)}
    since = now - int(LOOP.total_seconds()) * _US
    came = interactions.inbound_since(connection, live.name, threads, since)
    return Counter(row.conversation for row in came if row.detail.get("automated"))


def _impersonal(asked: dict[str, Any]) -> bool:
    return bool(asked.get("automated")) or asked.get("purpose") == "marketing"


def _to_machine(message: Message, to: InteractionRow | None, loud: int) -> str | None:
    """Two auto-responders never talk to each other."""
    if message.automated and to is not None and to.detail.get("automated"):
        return "an automatic answer to an automatic message: only what a person writes goes"
    if loud > MOST_AUTOMATED and (message.automated or message.purpose == "marketing"):
        return f"a machine is writing there ({loud} within an hour): only what a person writes goes"
    return None


# --- parts ----------------------------------------------------------------------------------------------------------


def parts(going: Going, now: int) -> list[Message] | str:
    """The messages that a send goes as: as it was begun, else as its conversation carries it now; or why not."""
    message, row = going.message, going.row
    if not row.parts:
        return degrade.fit(message, going.limits, from_us(now))
    return [
        evolve(
            message,
            id=degrade.part_id(row.uid, number),
            text=one.get("text"),
            subject=one.get("subject"),
            attachments=_files(one),
            buttons=_buttons(one),
        )
        for number, one in enumerate(row.parts, start=1)
    ]


def begin(going: Going, made: Sequence[Message]) -> None:
    """Keep with the command what its first part decides for the others, so that they go as if nothing had happened."""
    if going.row.parts:
        return
    answer: dict[str, Any] = {"public": True} if going.message.public else {}
    if [_as_json(message) for message in made] != [_as_json(going.message)]:
        answer |= {"public": going.message.public, "parts": [_as_json(message) for message in made]}
    going.row.answer = answer or None


def _as_json(message: Message) -> dict[str, Any]:
    """What of a part may differ from what was asked for."""
    return {
        "text": message.text,
        "subject": message.subject,
        "attachments": [file.facts() for file in message.attachments],
        "buttons": [{"title": one.title, "id": one.id} for one in message.buttons],
    }
