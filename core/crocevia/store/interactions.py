"""The interaction log: append-only; edits, removals and statuses are revisions of a row."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import timedelta
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.model import from_us
from crocevia.store.database import Store
from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among, Insert, Update, Values, selecting
from crocevia.store.tables import aliases, interactions, revisions


@define
class InteractionRow:
    """One interaction. `detail` holds what is rarely searched for: subject, attachments, author, in_reply_to...

    Attributes:
        channel: Kind of the connector it came through, in `detail["channel"]`.
        message_key: The channel's own id; None while a reply born in a CRM is not sent yet.
    """

    id: int
    uid: str
    connection: str
    key: str
    part: str
    conversation: str | None
    profile_id: int
    direction: str
    kind: str
    at: int
    text: str | None = None
    detail: dict[str, Any] = field(factory=dict)
    status: str | None = None
    status_detail: str | None = None
    removed: bool = False
    revision: int = 1
    raw_id: int | None = None
    stored: bool = False
    changed: bool = True

    @property
    def message_key(self) -> str | None:
        """The channel's own id of it; None while a reply born in a CRM is not sent yet."""
        found: str | None = self.detail.get("message_key", self.key)
        return found

    def canonical(self) -> dict[str, Any]:
        """The interaction in canonical values, for lenses; `profile` is added by who knows the remote id.

        `at` is an aware datetime, `duration_s` a number of seconds or None, `attachments` one line each or None;
        `born_as` is `OBJECT:ID` of the CRM's record that somebody wrote it as, None for what a channel told.
        """
        detail = self.detail
        return {
            "connection": detail.get("road", self.connection),
            "channel": detail.get("channel"),
            "direction": self.direction,
            "kind": self.kind,
            "at": from_us(self.at),
            "duration_s": detail.get("duration_s"),
            "outcome": detail.get("outcome"),
            "subject": detail.get("subject"),
            "text": None if self.removed else self.text,
            "conversation": self.conversation,
            "message_key": self.message_key,
            "born_as": self.key if "message_key" in detail else None,
            "status": "removed"
            if self.removed
            else self.status or ("received" if self.direction == "inbound" else None),
            "status_detail": self.status_detail,
            "in_reply_to": detail.get("in_reply_to"),
            "attachments": _lines(detail.get("attachments")),
            "author": detail.get("author"),
            "automated": detail.get("automated", False),
            "public": detail.get("public", False),
            "purpose": detail.get("purpose"),
            "template": detail.get("template"),
            "buttons": detail.get("buttons"),
        }


def addresses(detail: dict[str, Any]) -> list[str]:
    """The customer's addresses that an interaction has shown, by its `detail`."""
    wrote_from = detail.get("wrote_from")
    found: list[str] = detail.get("shown") or ([] if wrote_from is None else [wrote_from])
    return found


def _lines(attachments: list[dict[str, Any]] | None) -> str | None:
    """One line a file: kind, name, type, reference."""
    if not attachments:
        return None
    parts = ("kind", "name", "mime_type", "detail", "url", "key")
    return "\n".join(" ".join(str(file[part]) for part in parts if file.get(part)) for file in attachments)


def duration_s(duration: timedelta | None) -> float | None:
    """Seconds of a duration, None for None."""
    return None if duration is None else duration.total_seconds()


def by_uids(connection: Connection, uids: Collection[str]) -> dict[str, InteractionRow]:
    """Interactions by external id or alias; the unknown are left out."""
    found: dict[str, InteractionRow] = {}
    for row in _BY_UID.rows(connection, uids):
        found[row[1]] = _interaction(row)
    for row in _BY_ALIAS.rows(connection, [uid for uid in uids if uid not in found]):
        found[row[-1]] = _interaction(row)
    return found


def load(connection: Connection, ids: Collection[int]) -> dict[int, InteractionRow]:
    """Interactions by row id."""
    return {row[0]: _interaction(row) for row in _BY_ID.rows(connection, ids)}


def of_profiles(connection: Connection, profile_ids: Collection[int]) -> list[tuple[int, int]]:
    """`(interaction id, profile id)` of every interaction of these profiles."""
    return [(row[0], row[1]) for row in _OF_PROFILES.rows(connection, profile_ids)]


def timeline(connection: Connection, profile_id: int, most: int = 1000) -> list[InteractionRow]:
    """A profile's newest interactions, oldest of them first."""
    statement = (
        sa.select(interactions)
        .where(interactions.c.profile_id == profile_id)
        .order_by(interactions.c.at.desc(), interactions.c.id.desc())
        .limit(most)
    )
    return [_interaction(row) for row in connection.execute(statement)][::-1]


def last_inbound(connection: Connection, name: str, conversations: Collection[str]) -> dict[str, InteractionRow]:
    """What the customer wrote last in each of these conversations of a connection; those without any are left out."""
    rows = [_interaction(row) for row in _LAST_INBOUND.rows(connection, conversations, name)]
    return {row.conversation or "": row for row in sorted(rows, key=lambda row: row.id)}


def inbound_since(
    connection: Connection, name: str, conversations: Collection[str], since: int
) -> list[InteractionRow]:
    """What came in these conversations of a connection since a time in microseconds."""
    return [_interaction(row) for row in _INBOUND_SINCE.rows(connection, conversations, name, since)]


def save(connection: Connection, rows: Iterable[InteractionRow]) -> None:
    """Write what is new or changed."""
    new, changed = [], []
    for row in rows:
        if not row.stored:
            new.append(row)
        elif row.changed:
            changed.append(row)
    _INSERT(connection, [_values(row) for row in new])
    _UPDATE(connection, [(*_kept(row), row.id) for row in changed])
    for row in (*new, *changed):
        row.stored, row.changed = True, False


def name(store: Store, connection: Connection, pairs: Sequence[tuple[str, int]]) -> None:
    """Give interactions further names: `(uid, interaction id)`."""
    rows = [{"uid": uid, "interaction_id": interaction} for uid, interaction in pairs]
    if rows:
        connection.execute(store.insert(aliases).on_conflict_do_nothing(), rows)


def record_revisions(connection: Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Append to the history of interactions; each row as the table has it."""
    if rows:
        connection.execute(sa.insert(revisions), list(rows))


_COLUMNS = tuple(column.name for column in interactions.c)
_INSERT = Insert(interactions, _COLUMNS)
_BY_ID = Among(selecting(interactions) + " WHERE id {among}")
_BY_UID = Among(selecting(interactions) + " WHERE uid {among}")
_BY_ALIAS = Among(
    selecting(interactions, also="aliases.uid")
    + " JOIN aliases ON aliases.interaction_id = interactions.id WHERE aliases.uid {among}"
)
_OF_PROFILES = Among("SELECT id, profile_id FROM interactions WHERE profile_id {among} ORDER BY id")
_INBOUND = selecting(interactions) + " WHERE connection = ? AND direction = 'inbound'"
_LAST_INBOUND = Among(
    _INBOUND  # noqa: S608 - names of our own tables
    + " AND conversation {among} AND at = (SELECT max(later.at) FROM interactions AS later WHERE later.connection ="
    " interactions.connection AND later.conversation = interactions.conversation AND later.direction = 'inbound')"
)
_INBOUND_SINCE = Among(_INBOUND + " AND at >= ? AND conversation {among}")
_UPDATE = Update(
    interactions, ("profile_id", "conversation", "text", "detail", "status", "status_detail", "removed", "revision")
)


_make: Callable[..., InteractionRow] = InteractionRow


def _interaction(row: Any) -> InteractionRow:
    return _make(
        *row[:11],
        loads(row[11]),
        row[12],
        row[13],
        bool(row[14]),
        row[15],
        row[16],
        stored=True,
        changed=False,
    )


def _values(row: InteractionRow) -> Values:
    return (
        row.id,
        row.uid,
        row.connection,
        row.key,
        row.part,
        row.conversation,
        row.profile_id,
        row.direction,
        row.kind,
        row.at,
        row.text,
        dumps(row.detail),
        row.status,
        row.status_detail,
        int(row.removed),
        row.revision,
        row.raw_id,
    )


def _kept(row: InteractionRow) -> Values:
    """The columns of `_UPDATE`, in its order."""
    return (
        row.profile_id,
        row.conversation,
        row.text,
        dumps(row.detail),
        row.status,
        row.status_detail,
        int(row.removed),
        row.revision,
    )
