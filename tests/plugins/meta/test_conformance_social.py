"""Messenger, Instagram and Facebook Pages keep the contract."""

import hashlib
import hmac
from typing import Any

from crocevia.testing import connector_suite
from crocevia_meta import FacebookPage, Instagram, Messenger
from tests.plugins.meta.social_peer import InstagramPeer, PagePeer, SocialPeer

_SECRETS = {"app_secret": "appsecret", "access_token": "accesstoken", "verify_token": "v3rify"}
PAGE = {"page_id": "1065000000000001", **_SECRETS}
ACCOUNT = {"account_id": "17841400000000001", **_SECRETS}


def sign(body: bytes, settings: Any) -> dict[str, str]:
    """Sign as Meta does."""
    digest = hmac.new(settings.app_secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return {"X-Hub-Signature-256": f"sha256={digest}"}


TestMessenger = connector_suite(Messenger, samples="samples_messenger/", settings=PAGE, sign=sign, peer=SocialPeer)
TestInstagram = connector_suite(
    Instagram, samples="samples_instagram/", settings=ACCOUNT, sign=sign, peer=InstagramPeer
)
TestFacebookPage = connector_suite(FacebookPage, samples="samples_page/", settings=PAGE, sign=sign, peer=PagePeer)
