"""Settings of one WhatsApp business number."""

from __future__ import annotations

from attrs import field, frozen, validators

from crocevia import Secret
from crocevia_meta.graph import GRAPH_URL, GRAPH_VERSION


@frozen(kw_only=True)
class Settings:
    """One business number on the WhatsApp Cloud API.

    Attributes:
        phone_number_id: Of the number that starts conversations (WhatsApp Manager, API setup); replies go out on the
            number that the customer wrote to.
        app_secret: Signs webhooks (App dashboard, Settings, Basic).
        access_token: Of a system user with `whatsapp_business_messaging`; the dashboard's own lasts a day.
        verify_token: A text of your own, the same in the App dashboard's webhook settings.
        business_account_id: The WhatsApp Business Account; given, `check` looks whether it sends webhooks to an app.
        list_button: On the button that opens a list of more than three choices; at most 20 characters.
        graph_version: Pinned: a version lives about two years.
        base_url: Elsewhere in tests only.
    """

    phone_number_id: str
    app_secret: Secret
    access_token: Secret
    verify_token: Secret
    business_account_id: str | None = None
    list_button: str = field(default="…", validator=validators.max_len(20))
    graph_version: str = GRAPH_VERSION
    base_url: str = GRAPH_URL
