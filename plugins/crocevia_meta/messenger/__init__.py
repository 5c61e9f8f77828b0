"""Messenger as a channel, kind `messenger`."""

from crocevia_meta.messenger.connector import Messenger
from crocevia_meta.messenger.settings import Settings

__all__ = ["Messenger", "Settings"]
