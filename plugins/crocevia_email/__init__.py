"""E-mail: IMAP in, SMTP out."""

from typing import Any

from crocevia import Connector, hookimpl
from crocevia_email.connector import Email
from crocevia_email.settings import Settings

__all__ = ["Email", "Settings"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Any]]]:
    """E-mail."""
    return [Email]
