"""Settings of one page's public side."""

from __future__ import annotations

from attrs import frozen

from crocevia import Secret
from crocevia_meta.graph import GRAPH_URL, GRAPH_VERSION


@frozen(kw_only=True)
class Settings:
    """One Facebook Page: posts, comments, reactions, reviews.

    Attributes:
        page_id: The page's id, a number as text.
        app_secret: Signs webhooks (App dashboard, Settings, Basic).
        access_token: The page's, with `pages_manage_engagement`, `pages_read_user_content` and, for private answers,
            `pages_messaging`.
        verify_token: A text of your own, the same in the App dashboard's webhook settings.
        graph_version: Pinned: a version lives about two years.
        base_url: Elsewhere in tests only.
    """

    page_id: str
    app_secret: Secret
    access_token: Secret
    verify_token: Secret
    graph_version: str = GRAPH_VERSION
    base_url: str = GRAPH_URL
