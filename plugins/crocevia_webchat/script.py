"""The widget: its parts, put together to one script."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from importlib.resources import files

from crocevia import VisitorReply
from crocevia_webchat.settings import Settings
from crocevia_webchat.text import MOST_TEXT

PARTS = ("store.js", "client.js", "log.js", "form.js", "main.js")
FRESH_S = 300
"""For so long a browser does not ask again whether it has changed."""


@cache
def source(title: str, colour: str) -> bytes:
    """The whole script for one connection; nothing in it is secret."""
    folder = files("crocevia_webchat") / "widget"
    texts = json.loads((folder / "texts.json").read_text("utf-8"))
    style = (folder / "style.css").read_text("utf-8")
    constants = {
        "TEXTS": texts,
        "STYLE": style,
        "CONFIG": {"title": title, "colour": colour, "max_text": MOST_TEXT},
    }
    head = [f"const {name} = {json.dumps(value)};" for name, value in constants.items()]
    parts = [(folder / part).read_text("utf-8") for part in PARTS]
    return "\n".join(["(() => {", '"use strict";', *head, *parts, "})();", ""]).encode()


def script(settings: Settings, known: str) -> VisitorReply:
    """The answer to who asks for it; `known`: tags of what he has already."""
    body = source(settings.title, settings.colour)
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    headers = {
        "cache-control": f"public, max-age={FRESH_S}",
        "etag": tag,
        "cross-origin-resource-policy": "cross-origin",  # it is there for pages of other origins
    }
    if tag in known:
        return VisitorReply(status=304, headers=headers)
    return VisitorReply(body=body, content_type="text/javascript; charset=utf-8", headers=headers)
