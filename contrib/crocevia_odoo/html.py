"""Texts as Odoo's chatter keeps them: HTML that is cleaned on its way in, and what a person reads of it."""

from __future__ import annotations

import re
from html import escape
from html.parser import HTMLParser

# Source: Odoo 14.0, `tools/mail.py` `html_sanitize`: lxml takes no text with these.
_UNCLEAN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff\ufffe\uffff]")
_LINES = frozenset({"p", "div", "br", "li", "tr", "h1", "h2", "h3", "h4", "h5", "h6", "blockquote", "pre", "ul", "ol"})
_UNSEEN = frozenset({"style", "script", "head", "title"})


def clean(text: str) -> str:
    """The text without what Odoo cannot keep; lines end as they do there."""
    return _UNCLEAN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def to_html(text: str) -> str:
    """A paragraph with the text's lines; `""` for none."""
    if not text:
        return ""
    return f"<p>{escape(clean(text), quote=False).replace(chr(10), '<br>')}</p>"


def to_text(html: str) -> str:
    r"""What a person reads: lines of text, without blanks at the ends; `""` for an image alone.

    >>> to_text("<p>Called <b>twice</b>,<br>no answer.</p><p>Try &lt;later&gt;</p>")
    'Called twice,\nno answer.\nTry <later>'
    """
    reader = _Reader()
    reader.feed(html)
    reader.close()
    lines = [" ".join(line.split()) for line in "".join(reader.heard).split("\n")]
    return "\n".join(lines).strip("\n")


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.heard: list[str] = []
        self._unseen = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "br" or (tag in _LINES and self.heard and not self.heard[-1].endswith("\n")):
            self.heard.append("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)

    def handle_data(self, data: str) -> None:
        if not self._unseen:
            self.heard.append(data.replace("\n", " "))
