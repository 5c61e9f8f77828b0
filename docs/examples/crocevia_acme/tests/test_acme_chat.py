"""Acme Chat keeps the contract."""

import hmac

from crocevia_acme import AcmeChat, Settings

from crocevia.testing import connector_suite


def sign(body: bytes, settings: Settings) -> dict[str, str]:
    """Sign as Acme does."""
    return {"X-Acme-Signature": hmac.new(settings.token.reveal().encode(), body, "sha256").hexdigest()}


TestAcmeChat = connector_suite(AcmeChat, samples="samples/", settings={"token": "s3cret", "workspace": "w1"}, sign=sign)
