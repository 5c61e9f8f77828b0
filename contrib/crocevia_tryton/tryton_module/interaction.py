"""The model `crocevia.interaction`: one touch with a party, written by Crocevia or by a person in Tryton."""

from __future__ import annotations

import datetime as dt
from typing import Any

from trytond.model import Index, ModelSQL, ModelView, Unique, fields
from trytond.pyson import Eval

from .deletion import LogsDeletions, last_change

_FROM_THE_ORIGINAL = ("party", "connection", "channel", "kind", "conversation")


class Interaction(LogsDeletions, ModelSQL, ModelView):
    """One message, comment, call, visit or note.

    `key` is Crocevia's and unique. A person leaves it empty: Crocevia gives one when it takes the record over.
    A person who answers a customer sets `reply_to` (the rest is copied from there), `body` and leaves
    `status` at "to_send".
    """

    __name__ = "crocevia.interaction"
    _rec_name = "subject"

    key = fields.Char("Key", strip=False)
    revision = fields.Integer("Revision")
    party = fields.Many2One("party.party", "Party", ondelete="CASCADE")
    reply_to = fields.Many2One(
        "crocevia.interaction",
        "Reply To",
        ondelete="SET NULL",
        domain=[("party", "=", Eval("party", -1))],
        help="The interaction that this one answers.",
    )
    connection = fields.Char("Connection", help="The account the interaction came through.", strip=False)
    channel = fields.Char("Channel", strip=False)
    direction = fields.Selection(
        [("inbound", "Inbound"), ("outbound", "Outbound"), ("internal", "Internal")], "Direction", required=True
    )
    kind = fields.Char("Kind", required=True, strip=False)
    # A DateTime would cut the fraction of a second, and with it the order of two messages.
    occurred_at = fields.Timestamp("Occurred At", required=True)
    duration_seconds = fields.Integer("Duration in Seconds")
    subject = fields.Char("Subject", strip=False)
    body = fields.Text("Body")
    attachments = fields.Text("Attachments")
    author = fields.Char("Author", strip=False)
    conversation = fields.Char("Conversation", strip=False)
    message_id = fields.Char("Message ID", help="The channel's own identifier of the message.", strip=False)
    in_reply_to = fields.Char("In Reply To", help="The channel's own identifier of the message answered.", strip=False)
    status = fields.Selection(
        [
            (None, ""),
            ("to_send", "To Send"),
            ("sending", "Sending"),
            ("sent", "Sent"),
            ("delivered", "Delivered"),
            ("read", "Read"),
            ("played", "Played"),
            ("failed", "Failed"),
            ("received", "Received"),
            ("removed", "Removed"),
        ],
        "Status",
    )
    status_detail = fields.Char("Status Detail", strip=False)

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [("key_uniq", Unique(table, table.key), "crocevia.msg_interaction_key_unique")]
        cls._sql_indexes.update(
            {
                Index(table, (table.key, Index.Equality(cardinality="high"))),
                last_change(table),
                Index(table, (table.party, Index.Range()), (table.occurred_at, Index.Range())),
            }
        )
        cls._order = [("occurred_at", "DESC"), ("id", "DESC")]

    @staticmethod
    def default_direction() -> str:
        """A person writes to customers."""
        return "outbound"

    @staticmethod
    def default_kind() -> str:
        """What most are."""
        return "message"

    @staticmethod
    def default_occurred_at() -> dt.datetime:
        """Now, in UTC without a zone, as Tryton keeps times."""
        return dt.datetime.now(dt.UTC).replace(microsecond=0, tzinfo=None)

    @fields.depends("reply_to", "direction", "status", *(f"_parent_reply_to.{f}" for f in ("id", *_FROM_THE_ORIGINAL)))
    def on_change_reply_to(self) -> None:
        """Show at once what `preprocess_values` would fill in."""
        if self.reply_to:
            for name in _FROM_THE_ORIGINAL:
                setattr(self, name, getattr(self.reply_to, name))
            self.direction = "outbound"
            self.status = "to_send"

    @classmethod
    def preprocess_values(cls, mode: str, values: dict[str, Any]) -> dict[str, Any]:
        """Let an answer take from its original what its writer did not say."""
        values = super().preprocess_values(mode, values)
        if mode == "create" and values.get("reply_to"):
            original = cls(values["reply_to"])
            for name in _FROM_THE_ORIGINAL:
                if values.get(name) is None:
                    value = getattr(original, name)
                    values[name] = value.id if hasattr(value, "id") else value
            if values.get("in_reply_to") is None:
                values["in_reply_to"] = original.message_id
            # Only an answer is sent by itself: a default of "to_send" would make a message of every imported record.
            by_a_person = not values.get("key") and values.get("direction", "outbound") == "outbound"
            if by_a_person and values.get("status") is None:
                values["status"] = "to_send"
        return values

    @classmethod
    def copy(cls, interactions: list[Any], default: dict[str, Any] | None = None) -> list[Any]:
        """Copy for a person: the copy is another interaction, so it keeps neither our key nor the channel's."""
        default = {"key": None, "revision": None, "message_id": None, "status": None, **(default or {})}
        copies: list[Any] = super().copy(interactions, default=default)
        return copies
