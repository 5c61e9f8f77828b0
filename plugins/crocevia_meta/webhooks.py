"""How Meta signs and sets up webhooks, the same for all of its products."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from crocevia import ReceivesWebhooks, Request, signatures
from crocevia.errors import SignatureError

SIGNATURE_HEADER = "X-Hub-Signature-256"
SIGNATURE_PREFIX = "sha256="


class MetaWebhooks(ReceivesWebhooks):
    """Verify a delivery by the app's secret, and answer the handshake by the verify token.

    The connector's settings have `app_secret` and `verify_token`. A secret changes in the app dashboard at one
    moment, with no time of two: Meta retries for hours what was refused in between.
    Source: https://developers.facebook.com/docs/graph-api/webhooks/getting-started (Graph API v23.0, 2026-05).
    """

    settings: Any

    def verify(self, request: Request, now: datetime, keys: Mapping[str, bytes]) -> None:
        """HMAC-SHA256 of the raw body with the app's secret; Meta signs no time."""
        signatures.hmac_sha256(
            request, header=SIGNATURE_HEADER, secret=self.settings.app_secret, prefix=SIGNATURE_PREFIX
        )

    def challenge(self, request: Request) -> str | None:
        """Answer `GET ?hub.mode=subscribe&hub.verify_token=...&hub.challenge=...` with the challenge."""
        if request.method != "GET" or "hub.mode" not in request.query:
            return None
        token_is_ours = signatures.same_text(request.query.get("hub.verify_token"), self.settings.verify_token)
        if request.query["hub.mode"] != "subscribe" or not token_is_ours:
            raise SignatureError("hub.verify_token is not the one in the settings: set the same in the app dashboard")
        return request.query.get("hub.challenge", "")
