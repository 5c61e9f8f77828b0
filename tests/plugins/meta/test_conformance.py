"""WhatsApp keeps the contract."""

import hashlib
import hmac

from crocevia.testing import connector_suite
from crocevia_meta.whatsapp import Settings, WhatsApp
from tests.plugins.meta.whatsapp_peer import WhatsAppPeer

SETTINGS = {"phone_number_id": "1", "app_secret": "appsecret", "access_token": "accesstoken", "verify_token": "v3rify"}


def sign(body: bytes, settings: Settings) -> dict[str, str]:
    """Sign as Meta does."""
    digest = hmac.new(settings.app_secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


TestWhatsApp = connector_suite(WhatsApp, samples="samples/", settings=SETTINGS, sign=sign, peer=WhatsAppPeer)
