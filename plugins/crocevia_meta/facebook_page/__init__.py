"""A Facebook Page's posts and comments as a channel, kind `facebook_page`."""

from crocevia_meta.facebook_page.connector import FacebookPage
from crocevia_meta.facebook_page.settings import Settings

__all__ = ["FacebookPage", "Settings"]
