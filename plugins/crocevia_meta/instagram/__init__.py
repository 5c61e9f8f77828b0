"""Instagram as a channel, kind `instagram`."""

from crocevia_meta.instagram.connector import Instagram
from crocevia_meta.instagram.settings import Settings

__all__ = ["Instagram", "Settings"]
