"""Acme Chat keeps the contract."""

import hmac
import json
from datetime import timedelta

from crocevia_acme import AcmeChat, Settings

from crocevia.testing import Answered, Asked, Peer, Taken, connector_suite


def sign(body: bytes, settings: Settings) -> dict[str, str]:
    """Sign as Acme does."""
    return {"X-Acme-Signature": hmac.new(settings.token.reveal().encode(), body, "sha256").hexdigest()}


class AcmePeer(Peer):
    """Acme's side, as its pages describe it."""

    without = {  # noqa: RUF012 - an example is no longer than it must be
        "echoes": "Acme tells nothing of what the business sends",
        "both_secrets": "an app has one token; a webhook refused meanwhile comes again for a day",
    }
    troubles = {  # noqa: RUF012 - as above
        "throttled": Answered(status=429, headers={"Retry-After": "7"}),
        "window closed": Answered(status=403, json={"error": "not in the room"}),
    }
    waits = timedelta(seconds=7)

    def serve(self, asked: Asked) -> Answered:
        """Take a message, once for one `ref`."""
        if asked.headers.get("authorization") != f"Bearer {self.settings.token.reveal()}":
            return Answered(status=401)
        said = asked.json()
        if (asked.method, asked.path) != ("POST", "/v3/messages") or not 0 < len(said["text"]) <= 2000:
            return Answered(status=400, json={"error": "malformed"})
        taken = next((taken for taken in self.taken if taken.ref == said["ref"]), None)
        taken = taken or self.take(text=said["text"], ref=said["ref"])
        return Answered(json={"id": taken.key})

    def statuses(self, taken: Taken) -> list[bytes]:
        """The receipt that it pushes."""
        receipt = {"message": taken.key, "state": "delivered", "ref": taken.ref, "ts": 1795176000000}
        return [json.dumps({"receipts": [receipt]}).encode()]


TestAcmeChat = connector_suite(
    AcmeChat, samples="samples/", settings={"token": "s3cret", "workspace": "w1"}, sign=sign, peer=AcmePeer
)
