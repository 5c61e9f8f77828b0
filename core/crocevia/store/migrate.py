"""Bring a store to the schema of this version. Each step is one transaction: a crash leaves it whole or undone."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from crocevia.errors import StoreError
from crocevia.store.database import Store

HEAD = "0006"
_SCRIPTS = Path(__file__).parent / "migrations"


def version(store: Store) -> str | None:
    """The schema's version; None for an empty database."""
    with store.reading() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        found: str | None = connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()
        return found


def upgrade(store: Store) -> None:
    """Run the missing migrations; quick when there are none.

    Raises:
        StoreError: the store was written by a newer Crocevia.
    """
    current = version(store)
    if current == HEAD:
        return
    if current is not None and current > HEAD:
        msg = f"the store has schema {current}, this Crocevia knows {HEAD}: run the newer version that wrote it"
        raise StoreError(msg)
    from alembic import command  # noqa: PLC0415 - half a second that a migrated store never pays
    from alembic.config import Config  # noqa: PLC0415 - as above

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    with store.writing() as connection:
        if store.dialect == "postgresql":  # a fleet starts its processes together; SQLite's writers queue by themselves
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(hashtext('crocevia migrations'))"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
