"""Odoo as a CRM: the connector, and a real server for tests."""

from __future__ import annotations

from crocevia import hookimpl
from crocevia_odoo.connector import Odoo

__all__ = ["Odoo"]


@hookimpl
def crocevia_register_connectors() -> list[type[Odoo]]:
    """Give the connector."""
    return [Odoo]
