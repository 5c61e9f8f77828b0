"""What all tables share."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, MetaData

metadata = MetaData()
Id = BigInteger().with_variant(Integer, "sqlite")


def row_id() -> Column[int]:
    """A primary key that `counters` gives out."""
    return Column("id", Id, primary_key=True, autoincrement=False)
