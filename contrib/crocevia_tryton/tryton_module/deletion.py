"""The log of deletions that Crocevia polls.

Tryton's own `ir.model.log` records only what a user deleted through the interface, not what a cascade, a script or
a scheduled task deleted, and is readable only by users with access to the (deleted) record. Source: trytond 8.2,
`ModelStorage._before_delete` and `ResourceAccessMixin`.
"""

# mypy: disable-error-code="misc"
# The superclass is put in by Tryton's pool at run time.

from __future__ import annotations

from typing import Any

from sql.conditionals import Coalesce  # type: ignore[import-untyped]  # python-sql ships no types
from trytond.model import Index, ModelSQL, ModelView, fields
from trytond.pool import Pool


def last_change(table: Any) -> Index:
    """The index behind `last_modified_at`, by which Crocevia polls."""
    return Index(table, (Coalesce(table.write_date, table.create_date), Index.Range()), (table.id, Index.Range()))


class Deletion(ModelSQL, ModelView):
    """One deleted record: its model, the id it had and our key, if it had one."""

    __name__ = "crocevia.deletion"

    model = fields.Char("Model", required=True, readonly=True)
    record = fields.Integer("Record", required=True, readonly=True)
    key = fields.Char("Key", readonly=True)

    @classmethod
    def __setup__(cls) -> None:
        super().__setup__()
        cls._sql_indexes.add(last_change(cls.__table__()))


class LogsDeletions:
    """Mixin of a model whose deletions are logged, whoever deletes: user, cascade or script."""

    __slots__ = ()
    _crocevia_key = "key"

    @classmethod
    def on_modification(cls, mode: str, records: list[Any], field_names: set[str] | None = None) -> None:
        """Log the deletion in the transaction that deletes, so that both happen or neither."""
        super().on_modification(mode, records, field_names=field_names)
        if mode == "delete" and records:
            Pool().get("crocevia.deletion").create(
                [
                    {"model": cls.__name__, "record": record.id, "key": getattr(record, cls._crocevia_key)}
                    for record in records
                ]
            )
