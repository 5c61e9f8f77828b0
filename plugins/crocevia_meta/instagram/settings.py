"""Settings of one Instagram account."""

from __future__ import annotations

from attrs import frozen

from crocevia import Secret
from crocevia_meta.graph import GRAPH_URL, GRAPH_VERSION


@frozen(kw_only=True)
class Settings:
    """One Instagram professional account: direct messages, stories, comments, mentions.

    Attributes:
        account_id: The professional account's id, as webhooks name it; a number as text.
        app_secret: Signs webhooks (App dashboard, Settings, Basic; with Instagram Login, the Instagram app's secret).
        access_token: The page's that the account is linked to, with `instagram_manage_messages` and
            `instagram_manage_comments`; with Instagram Login, the account's own.
        verify_token: A text of your own, the same in the App dashboard's webhook settings.
        human_agent: Whether Meta has granted the app "Human Agent": what a person writes may then go for seven days;
            what is marked as automated may not.
        graph_version: Pinned: a version lives about two years.
        base_url: `"https://graph.instagram.com"` where the token came from Instagram Login.
    """

    account_id: str
    app_secret: Secret
    access_token: Secret
    verify_token: Secret
    human_agent: bool = False
    graph_version: str = GRAPH_VERSION
    base_url: str = GRAPH_URL
