"""Visits keep the contract."""

import hashlib
import hmac

from crocevia.testing import connector_suite
from crocevia_visits import Settings, Visits
from tests.plugins.visits.till_peer import TillPeer

SETTINGS = {"secret": "till secret", "programme": "casa"}


def sign(body: bytes, settings: Settings) -> dict[str, str]:
    """Sign as a till does."""
    assert settings.secret is not None
    digest = hmac.new(settings.secret.reveal().encode(), body, hashlib.sha256).hexdigest()
    return {"X-Crocevia-Signature": digest}


TestVisits = connector_suite(Visits, samples="samples/", settings=SETTINGS, sign=sign, region="IT", peer=TillPeer)
