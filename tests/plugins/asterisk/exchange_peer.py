"""An exchange's side of the connector: ARI, which originates a call under an id of ours once."""

import shutil
import tempfile
from base64 import b64encode
from pathlib import Path
from typing import Any, ClassVar

from attrs import evolve

from crocevia import Attachment, Connector, ContactPoint, Message, RawPage, Secret
from crocevia.testing import Answered, Asked, FakeClock, Peer, Taken

_CHANNELS = "/ari/channels/"
_STORY = Path(__file__).parent / "samples" / "made_by_us.json"


class ExchangePeer(Peer):
    """One exchange, of which an agent's telephone takes every call."""

    without: ClassVar = {
        "echoes": "the call that follows is told by its statuses, and completed",
        "throttled": "ARI has no limit of calls",
    }

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.recordings = Path(tempfile.mkdtemp(prefix="crocevia-exchange-"))
        (self.recordings / "call.wav").write_bytes(b"RIFF")

    def close(self) -> None:
        """Throw the recordings away."""
        shutil.rmtree(self.recordings)

    def connector(self, cls: type[Connector[Any]]) -> Connector[Any]:
        """One that speaks ARI with it."""
        ari = {"base_url": "http://pbx.example:8088/ari", "ari_user": "crocevia", "ari_secret": Secret("ari s3cret")}
        settings = evolve(self.settings, events="ari", recordings=str(self.recordings), **ari)
        return cls(settings, connection="suite", http=super().connector(cls).http, clock=self.clock)

    def serve(self, asked: Asked) -> Answered:
        """A call is made, or is there already."""
        if asked.headers.get("authorization") != "Basic " + b64encode(b"crocevia:ari s3cret").decode():
            return Answered(status=401, json={"message": "Authentication required"})
        said, id_ = asked.json(), asked.path.removeprefix(_CHANNELS)
        if asked.method != "POST" or asked.path == id_ or not {"endpoint", "extension", "context"} <= said.keys():
            return Answered(status=400, json={"message": "Endpoint must be specified"})
        if any(taken.key == id_ for taken in self.taken):
            return Answered(status=409, json={"message": "Channel with given unique ID already exists"})
        return Answered(json={"id": self.take(key=id_, ref=id_.removeprefix("crocevia-"), said=said).key})

    def fail_next(self, trouble: Any) -> None:
        """A recording that is gone is no file any more."""
        if trouble == "gone":
            (self.recordings / "call.wav").unlink()
        else:
            super().fail_next(trouble)

    def message(self, text: str) -> Message:
        """A call to make."""
        return Message(id="suite-1", kind="call", to=ContactPoint("phone", "", "+393331112233"))

    def statuses(self, taken: Taken) -> list[RawPage]:
        """What was heard of such a call."""
        story = _STORY.read_text().replace("crocevia-u1", taken.key)
        return [RawPage(body=story.encode(), cursor="")]

    def files(self) -> list[tuple[Attachment, bytes]]:
        """A recording."""
        return [(Attachment(kind="audio", key="call.wav"), b"RIFF")]
