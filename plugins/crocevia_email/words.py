"""Bytes and encoded words of mails as text, whatever they claim to be."""

from __future__ import annotations

import binascii
import quopri
import re

_ENCODED = re.compile(r"=\?([^?\s]{1,40})\?([bBqQ])\?([^?]{0,4096})\?=")
_BETWEEN = re.compile(r"(\?=)[ \t\r\n]+(?==\?)")
_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
_ALIASES = {"ks_c_5601-1987": "cp949", "iso-8859-8-i": "iso-8859-8", "x-sjis": "shift_jis", "gb2312": "gb18030"}


def text_of(data: bytes, charset: str | None = None) -> str:
    """Decode by the charset named, else UTF-8, else Windows-1252; bytes that none has are replaced. Never raises."""
    for name in (charset, "utf-8", "cp1252"):
        if not name:
            continue
        try:
            return data.decode(_ALIASES.get(name.lower().strip("\"' "), name.strip("\"' ")))
        except (LookupError, ValueError):
            continue
    return data.decode("latin-1")


def clean(text: str) -> str:
    """Without control characters and halves of surrogates, which stores and CRMs refuse; line ends as newlines."""
    return _UNWANTED.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def unescaped(value: str) -> str:
    """A header as the parser keeps it, with the 8-bit bytes that it may hold against the rules read as text."""
    try:
        return text_of(value.encode("ascii", "surrogateescape"))
    except UnicodeEncodeError:
        return value


def decoded(value: str) -> str:
    """A header's text with its encoded words (RFC 2047) read, also inside words and quotes; broken ones stay."""
    return clean(_ENCODED.sub(_word, _BETWEEN.sub(r"\1", value))) if "=?" in value else clean(value)


def _word(found: re.Match[str]) -> str:
    charset, encoding, body = found.groups()
    raw = body.encode("utf-8", "replace")
    try:
        if encoding in "bB":
            data = binascii.a2b_base64(raw + b"=" * (-len(raw) % 4))
        else:
            data = quopri.decodestring(raw.replace(b"_", b" "))
    except binascii.Error:
        return found.group(0)
    return text_of(data, charset.partition("*")[0])  # RFC 2231 allows a language behind a *
