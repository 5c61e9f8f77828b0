"""Asterisk, a telephone exchange: calls in and out."""

from crocevia import Connector, hookimpl
from crocevia_asterisk.connector import Asterisk
from crocevia_asterisk.settings import Settings

__all__ = ["Asterisk", "Settings"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Settings]]]:
    """Asterisk."""
    return [Asterisk]
