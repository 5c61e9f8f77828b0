"""Settings of one page's conversations."""

from __future__ import annotations

from attrs import frozen

from crocevia import Secret
from crocevia_meta.graph import GRAPH_URL, GRAPH_VERSION


@frozen(kw_only=True)
class Settings:
    """One Facebook Page on Messenger.

    Attributes:
        page_id: The page's id, a number as text.
        app_secret: Signs webhooks (App dashboard, Settings, Basic).
        access_token: The page's, with `pages_messaging`.
        verify_token: A text of your own, the same in the App dashboard's webhook settings.
        human_agent: Whether Meta has granted the app "Human Agent": what a person writes may then go for seven days;
            what is marked as automated may not.
        graph_version: Pinned: a version lives about two years.
        base_url: Elsewhere in tests only.
    """

    page_id: str
    app_secret: Secret
    access_token: Secret
    verify_token: Secret
    human_agent: bool = False
    graph_version: str = GRAPH_VERSION
    base_url: str = GRAPH_URL
