"""A visitor's side of the web chat: what is sent lies in the log, where his browser reads it; it says how it fared."""

import json
from typing import Any, ClassVar

from crocevia import Connector, ContactPoint, Message
from crocevia.testing import Peer, Taken

_HERE = "nothing leaves this machine: the visitor's browser reads the log"


class VisitorPeer(Peer):
    """One visitor of the shop."""

    without: ClassVar = {
        "echoes": "the log itself is what the visitor reads",
        "callback": "the key is our own id",
        **dict.fromkeys(("lost answer", "garbled answer", "down", "throttled", "unauthorised"), _HERE),
        **dict.fromkeys(("buttons", "button_text"), "the widget shows what it is given; core keeps to the limit"),
    }

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """One whose messages are noted, as the visitor's browser would find them in the log."""
        peer = self

        class Read(cls):  # type: ignore[valid-type,misc]  # a class that is known at run time
            def send(self, message: Message) -> Any:
                receipt = super().send(message)
                peer.take(key=receipt.key, text=message.text, ref=message.id)
                return receipt

        return Read(self.settings, connection="suite", clock=self.clock)

    def message(self, text: str) -> Message:
        """To him."""
        to = ContactPoint("webchat", self.settings.site, "v-1")
        return Message(id="suite-1", to=to, conversation="v-1", text=text)

    def statuses(self, taken: Taken) -> list[bytes]:
        """That he has read it."""
        known = {"site": self.settings.site, "visitor": "v-1", "at": int(self.clock.now().timestamp() * 1000)}
        return [json.dumps({"events": [{"type": "status", "status": "read", "of": taken.key, **known}]}).encode()]
