"""Visits to a shop, as its tills tell them."""

from typing import Any

from crocevia import Connector, hookimpl
from crocevia_visits.connector import Visits
from crocevia_visits.settings import Settings

__all__ = ["Settings", "Visits"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Any]]]:
    """Visits."""
    return [Visits]
