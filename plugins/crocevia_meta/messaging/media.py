"""Files of received messages: their URLs expire, the API gives others."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar

from crocevia import Attachment, HoldsMedia, MediaSource
from crocevia.errors import GoneError
from crocevia_meta.account import GraphAccount
from crocevia_meta.node import optional_node, optional_nodes, optional_text


class MessageMedia(GraphAccount, HoldsMedia):
    """A file is asked for by its message and place, as `messaging.said` has keyed it.

    Meta does not say how long it keeps a message's files; a URL lives for days at most.
    Source: https://developers.facebook.com/docs/graph-api/reference/message (`attachments`, Graph API v23.0).
    """

    media_lifetime: ClassVar[timedelta | None] = None

    def media(self, attachment: Attachment) -> MediaSource:
        """A URL of now for a file, without our token: it carries its own."""
        mid, colon, index = (attachment.key or "").rpartition(":")
        if not colon or not index.isdigit():
            return self._as_told(attachment)
        asked = {"fields": "attachments"}
        found = self.call("GET", f"/{mid}", what=f"the files of message {mid}", ours=False, params=asked)
        files = optional_nodes(optional_node(found, "attachments"), "data")
        file = files[int(index)] if int(index) < len(files) else {}
        for holder in (optional_node(file, "image_data"), optional_node(file, "video_data"), file):
            if url := optional_text(holder, "url") or optional_text(holder, "file_url"):
                return MediaSource(url=url)
        raise GoneError(f"{self.connection}: message {mid} has no file {index} any more")

    def _as_told(self, attachment: Attachment) -> MediaSource:
        if not attachment.url:
            raise GoneError(f"{self.connection}: an attachment of kind {attachment.kind!r} is no file")
        return MediaSource(url=attachment.url)
