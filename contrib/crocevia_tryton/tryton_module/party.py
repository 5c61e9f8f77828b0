"""What the module adds to parties: our key and revision, and a write date that moves with the contact mechanisms."""

# mypy: disable-error-code="misc"
# The superclass is put in by Tryton's pool at run time.

from __future__ import annotations

from typing import Any

from trytond.model import Index, Unique, fields
from trytond.pool import Pool, PoolMeta
from trytond.transaction import Transaction, without_check_access

from .deletion import LogsDeletions, last_change


class Party(LogsDeletions, metaclass=PoolMeta):
    """A party that Crocevia knows by `crocevia_key`, written at `crocevia_revision`."""

    __name__ = "party.party"
    _crocevia_key = "crocevia_key"

    crocevia_key = fields.Char("Crocevia Key")
    crocevia_revision = fields.Integer("Crocevia Revision")

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        table = cls.__table__()
        cls._sql_constraints += [
            ("crocevia_key_uniq", Unique(table, table.crocevia_key), "crocevia.msg_party_key_unique")
        ]
        cls._sql_indexes.update(
            {Index(table, (table.crocevia_key, Index.Equality(cardinality="high"))), last_change(table)}
        )

    @classmethod
    def copy(cls, parties: list[Any], default: dict[str, Any] | None = None) -> list[Any]:
        """Copy for a person: the copy is another party, so it does not keep our key."""
        default = {"crocevia_key": None, "crocevia_revision": None, **(default or {})}
        copies: list[Any] = super().copy(parties, default=default)
        return copies


class ContactMechanism(metaclass=PoolMeta):
    """A contact mechanism whose changes count as changes of its party.

    Tryton refuses numbers outside the numbering plan and e-mail domains that the DNS does not know. That catches a
    person's slips; an address that a customer wrote from exists, whatever the plan says. Crocevia's calls carry
    `crocevia` in their context and are not checked, so that one odd number does not refuse its party.
    """

    __name__ = "party.contact_mechanism"

    @classmethod
    def check_valid_phonenumber(cls, mechanisms: list[Any], field_names: set[str] | None = None) -> None:
        """Hold a person's input to the numbering plans."""
        if not Transaction().context.get("crocevia"):
            super().check_valid_phonenumber(mechanisms, field_names)

    @classmethod
    def check_valid_email(cls, mechanisms: list[Any], field_names: set[str] | None = None) -> None:
        """Hold a person's input to the form of an address and to the DNS."""
        if not Transaction().context.get("crocevia"):
            super().check_valid_email(mechanisms, field_names)

    @classmethod
    def on_modification(cls, mode: str, mechanisms: list[Any], field_names: set[str] | None = None) -> None:
        """Move the party's write date, so that one poll of parties sees every change, removals included."""
        super().on_modification(mode, mechanisms, field_names=field_names)
        party_model = Pool().get("party.party")
        parties = party_model.browse({mechanism.party.id for mechanism in mechanisms if mechanism.party})
        if parties:
            party_model.write(parties, {})


class Replace(metaclass=PoolMeta):
    """Tryton's merge of two parties, which takes the interactions along, and our key."""

    __name__ = "party.replace"
    ask: Any

    def transition_replace(self) -> Any:
        """Hand our key to a survivor without one: it is unique, and what is archived cannot be changed any more."""
        source, destination = self.ask.source, self.ask.destination
        key, survivors = source.crocevia_key, destination.crocevia_key
        following = super().transition_replace()
        party_model = Pool().get("party.party")
        with without_check_access():
            party_model.write([source], {"crocevia_key": None, "crocevia_revision": None})
            if key and not survivors:
                party_model.write([destination], {"crocevia_key": key})
        return following

    @classmethod
    def fields_to_replace(cls) -> list[tuple[str, str]]:
        """What pointed to the merged party and will point to the survivor."""
        return [*super().fields_to_replace(), ("crocevia.interaction", "party")]


class Erase(metaclass=PoolMeta):
    """Tryton's erasure of a party, which empties the interactions too."""

    __name__ = "party.erase"

    def to_erase(self, party_id: int) -> list[Any]:
        """What is overwritten: `(model, domain, attachments too, columns, values)`."""
        personal = ["subject", "body", "attachments", "author", "conversation", "message_id", "in_reply_to"]
        interaction = Pool().get("crocevia.interaction")
        erased = (interaction, [("party", "=", party_id)], True, personal, [None] * len(personal))
        return [*super().to_erase(party_id), erased]
