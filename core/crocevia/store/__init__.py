"""Everything durable: one code path over SQLite and PostgreSQL. One module a table family."""

from crocevia.store.database import Store
from crocevia.store.migrate import upgrade


def open_store(url: str) -> Store:
    """Open a store and bring it to this version's schema.

    Raises:
        ConfigError: the URL is of another database.
        StoreError: it cannot be used, or was written by a newer version.
    """
    store = Store(url)
    upgrade(store)
    return store


__all__ = ["Store", "open_store", "upgrade"]
