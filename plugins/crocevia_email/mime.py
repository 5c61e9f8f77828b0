"""Bytes to the standard library's tree of parts, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from email.message import Message as Mime
from email.parser import BytesParser
from email.policy import Compat32

LONGEST_FIELD = 16_384
"""Characters of a field that are read: the library reads addresses and parameters in the square of their length."""


class _Bounded(Compat32):
    """As real mails need it: nothing in a header raises, and nothing in it takes long."""

    def header_source_parse(self, sourcelines: Sequence[str]) -> tuple[str, str]:
        """A field as it stands, cut where it is too long."""
        name, value = super().header_source_parse(list(sourcelines))
        return name, value[:LONGEST_FIELD]


_PARSER = BytesParser(policy=_Bounded())


def parsed(data: bytes) -> Mime:
    """The tree of a mail; parts within parts without end are left in one piece. Never raises."""
    try:
        return _PARSER.parsebytes(data)
    except RecursionError:
        return _PARSER.parsebytes(data, headersonly=True)


def header(data: bytes) -> Mime:
    """The header alone."""
    return _PARSER.parsebytes(data, headersonly=True)
