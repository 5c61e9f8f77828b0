"""Chat on a company's own web pages and in its own app."""

from typing import Any

from crocevia import Connector, hookimpl
from crocevia_webchat.connector import WebChat
from crocevia_webchat.settings import Settings

__all__ = ["Settings", "WebChat"]


@hookimpl
def crocevia_register_connectors() -> list[type[Connector[Any]]]:
    """The web chat."""
    return [WebChat]
