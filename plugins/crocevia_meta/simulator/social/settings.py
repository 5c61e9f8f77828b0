"""How the simulated page and account behave."""

from __future__ import annotations

from attrs import frozen

from crocevia import Secret


@frozen(kw_only=True)
class SocialSettings:
    """One page, and the Instagram account that is linked to it.

    Attributes:
        webhook: Where deliveries go; None: they wait until `PUT /admin/webhook` names it.
        seed: Decides ids and what goes into one delivery.
        most_leaves: Most updates in one delivery (Meta: 1000).
        redelivery_rate: Share of acknowledged deliveries that come again.
        backoff_s: Wait after a delivery that was not answered 200.
        window_s: Reply window after a person's last message.
    """

    app_secret: Secret
    access_token: Secret
    page_id: str = "1065000000000001"
    page_name: str = "Bottega Crocevia"
    instagram_id: str = "17841400000000001"
    username: str = "bottega_crocevia"
    webhook: str | None = None
    seed: int = 0
    most_leaves: int = 4
    redelivery_rate: float = 0.1
    backoff_s: float = 0.2
    window_s: float = 24 * 3600
