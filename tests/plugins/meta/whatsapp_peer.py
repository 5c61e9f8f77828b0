"""Meta's side of the WhatsApp connector: the simulated vendor, asked without a network."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from crocevia import Attachment, ContactPoint, Message, Request
from crocevia.testing import Answered, Asked, FakeClock, Peer, Taken
from crocevia_meta.simulator import VendorSettings, payloads
from crocevia_meta.simulator.graph_calls import Call, answer, content
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.vendor import PIXEL, Vendor, reply_text

_ADA = "393331234567"


def _refused(code: int) -> Answered:
    refusal = Refusal(code, "as arranged")
    return Answered(status=refusal.status, json=refusal.body())


class WhatsAppPeer(Peer):
    """One number, to which Ada has just written."""

    without: ClassVar = {
        "echoes": "Meta echoes what the WhatsApp Business app sends, not what goes over the API",
        "both_secrets": "an app has one secret; Meta retries for hours what was refused while it changed",
    }
    troubles: ClassVar = {
        "throttled": _refused(130429),
        "window closed": _refused(131047),
        "unauthorised": _refused(190),
        "gone": Answered(status=400, json=Refusal(100, "no such media", subcode=33).body()),
    }
    waits = timedelta(seconds=5)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        known = {"app_secret": settings.app_secret, "access_token": settings.access_token}
        started = clock.now().timestamp()  # its clock is its own: ours may jump
        vendor_settings = VendorSettings(**known, phone_number_id=settings.phone_number_id)
        self.vendor = Vendor(vendor_settings, now=lambda: started)
        self.vendor.write(_ADA, {"type": "text", "text": {"body": "Ciao"}}, name="Ada")

    def close(self) -> None:
        """Close its database."""
        self.vendor.close()

    def serve(self, asked: Asked) -> Answered:
        """As the Graph API answers."""
        url = f"https://{asked.host}"
        call = Call(asked.method, asked.path, asked.headers, asked.body, url)
        before = self._outgoing()
        try:
            is_file = asked.path.startswith("/media/")
            reply = (
                content(self.vendor, call, asked.path.removeprefix("/media/")) if is_file else answer(self.vendor, call)
            )
        except Refusal as refusal:
            return Answered(status=refusal.status, json=refusal.body())
        for row in self._outgoing()[len(before) :]:
            said = json.loads(row["body"])
            self.take(key=row["id"], text=reply_text(said), ref=row["callback"], said=said)
        return Answered(status=reply.status, body=reply.body, headers={"Content-Type": reply.type})

    def message(self, text: str) -> Message:
        """To Ada."""
        to = ContactPoint("phone", "", f"+{_ADA}")
        return Message(id="suite-1", to=to, text=text, last_inbound_at=self.clock.now())

    def statuses(self, taken: Taken) -> list[bytes]:
        """What it owes for a message."""
        customer = {"address": _ADA, "user_id": None}
        at = self.vendor.now()
        owed = [payloads.status(taken.key, customer, name, at, taken.ref, 0) for name in ("sent", "delivered")]
        return [self._delivery({"statuses": owed})]

    def handshake(self) -> tuple[Request, str]:
        """The GET that the App dashboard makes when the webhook is set."""
        token = self.settings.verify_token.reveal()
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
        return Request(method="GET", url="https://crocevia.example/hooks/suite", headers={}, query=query), "1158201444"

    def files(self) -> list[tuple[Attachment, bytes]]:
        """A photo."""
        return [(Attachment(kind="image", key=self.vendor.upload("image/png", PIXEL), mime_type="image/png"), PIXEL)]

    def _outgoing(self) -> list[dict[str, Any]]:
        return self.vendor.store.rows("SELECT * FROM messages WHERE direction = 'outbound' ORDER BY n")

    def _delivery(self, lists: Mapping[str, Any]) -> bytes:
        metadata = {"display_phone_number": "390110000000", "phone_number_id": self.settings.phone_number_id}
        value = {"messaging_product": "whatsapp", "metadata": metadata, **lists}
        entry = {"id": "102290129340398", "changes": [{"value": value, "field": "messages"}]}
        return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()
