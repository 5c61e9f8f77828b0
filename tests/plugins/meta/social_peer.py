"""Meta's side of the page's and the account's connectors: the simulated ones, asked without a network."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, ClassVar

from attrs import evolve

from crocevia import Attachment, ContactPoint, Message, Request
from crocevia.testing import Answered, Asked, FakeClock, Peer, Taken
from crocevia_meta.simulator.graph_calls import Call
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.social.graph import answer
from crocevia_meta.simulator.social.settings import SocialSettings
from crocevia_meta.simulator.social.world import Place, World

_PICTURE = "https://cdn.example/picture"
_FILE = b"pixels"


def _refused(code: int, subcode: int | None = None) -> Answered:
    refusal = Refusal(code, "as arranged", subcode=subcode)
    return Answered(status=refusal.status, json=refusal.body())


class SocialPeer(Peer):
    """One page or account, to which Ada has just written."""

    place: ClassVar[Place] = "page"
    without: ClassVar = {
        "echoes": "an echo hands back our id: it is told as a status, not as a second interaction",
        "both_secrets": "an app has one secret; Meta retries for hours what was refused while it changed",
    }
    troubles: ClassVar = {
        "throttled": _refused(4),
        "window closed": _refused(10, 2018278),
        "unauthorised": _refused(190),
        "gone": _refused(100, 33),
    }
    waits = timedelta(minutes=1)

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        known = {"app_secret": settings.app_secret, "access_token": settings.access_token}
        account = getattr(settings, "page_id", None) or settings.account_id
        known |= {"page_id" if self.place == "page" else "instagram_id": account}
        started = clock.now().timestamp()  # its clock is its own: ours may jump
        self.account = account
        self.world = World(SocialSettings(**known), now=lambda: started)
        self.world.message(self.place, "Ada", {"text": "Ciao"})
        self.ada = self.world.person(self.place, "Ada")
        self.world.waiting.clear()

    def serve(self, asked: Asked) -> Answered:
        """As the Graph API answers."""
        if f"https://{asked.host}{asked.path}" == _PICTURE:
            return Answered(body=_FILE)
        before = len(self.world.said)
        try:
            reply = answer(self.world, Call(asked.method, asked.path, asked.headers, asked.body))
        except Refusal as refusal:
            return Answered(status=refusal.status, json=refusal.body())
        for row in self.world.said[before:]:
            self.take(key=row["id"], text=row["text"], ref=self._ref(row["said"]), said=row)
        return Answered(status=reply.status, body=reply.body, headers={"Content-Type": reply.type})

    def message(self, text: str) -> Message:
        """To Ada, in the conversation."""
        to = ContactPoint("messenger" if self.place == "page" else "instagram", self.account, self.ada)
        return Message(id="suite-1", to=to, text=text, last_inbound_at=self.clock.now())

    def statuses(self, taken: Taken) -> list[bytes]:
        """That it was sent, as its echo says, which alone hands back what we gave."""
        return self.told("message")

    def told(self, what: str) -> list[bytes]:
        """Those of the deliveries that are due which tell of `what`, without the rest."""
        found = []
        for body in map(json.loads, self.world.due()):
            for entry in body["entry"]:
                entry["messaging"] = [update for update in entry["messaging"] if what in update]
            if any(entry["messaging"] for entry in body["entry"]):
                found.append(json.dumps(body).encode())
        return found

    def handshake(self) -> tuple[Request, str]:
        """The GET that the App dashboard makes when the webhook is set."""
        token = self.settings.verify_token.reveal()
        query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
        return Request(method="GET", url="https://crocevia.example/hooks/suite", headers={}, query=query), "1158201444"

    def files(self) -> list[tuple[Attachment, bytes]]:
        """A picture that Ada sent."""
        picture = {"type": "image", "payload": {"url": _PICTURE}}
        mid = self.world.message(self.place, "Ada", {"attachments": [picture]})
        return [(Attachment(kind="image", key=f"{mid}:0", url="https://cdn.example/expired"), _FILE)]

    def _ref(self, said: Mapping[str, Any]) -> str | None:
        marked: str = said.get("message", {}).get("metadata", "") if isinstance(said.get("message"), dict) else ""
        return marked.rpartition("/")[2] or None


class InstagramPeer(SocialPeer):
    """One account, to which Ada has just written."""

    place: ClassVar[Place] = "instagram"
    without: ClassVar = {"both_secrets": SocialPeer.without["both_secrets"], "callback": "Instagram hands nothing back"}

    def echoes(self, taken: Taken) -> list[bytes]:
        """What the account is told of its own message."""
        return self.told("message")

    def statuses(self, taken: Taken) -> list[bytes]:
        """That it was read."""
        return self.told("read")


class PagePeer(SocialPeer):
    """One page, on which Ada has just commented; she is answered in private."""

    without: ClassVar = {
        **SocialPeer.without,
        "statuses": "what becomes of a private answer is told to Messenger, of a comment nothing is told",
        "window closed": "a comment is answered publicly at any time, and in private once",
    }

    def message(self, text: str) -> Message:
        """An answer to a comment of Ada's."""
        comment = self.world.comment("page", "Ada", "Quanto costa?")
        found = super().message(text)
        to = evolve(found.to, kind="facebook_page")
        return evolve(found, to=to, conversation=f"comment:{comment}", in_reply_to=comment)

    def serve(self, asked: Asked) -> Answered:
        """As the Graph API answers; of several answers, each is to a comment that was not answered yet."""
        for comment in self.world.comments.values():
            comment.answered_in_private = False
        return super().serve(asked)
