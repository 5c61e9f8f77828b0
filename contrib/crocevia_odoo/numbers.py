"""Phone numbers as people write them in Odoo, beside E.164: Odoo keeps what was typed and cannot search by number."""

from __future__ import annotations

import re

_TELLING = 7
_SHORTEST = 6


def pattern(number: str) -> str:
    """What `like` finds texts by that may be this number: its last digits in their order, whatever stands between."""
    return "%" + "%".join(_digits(number)[-_TELLING:]) + "%"


def says(written: str, number: str) -> bool:
    """Whether a text is this number: with its country, or without and then with or without the leading zero.

    >>> says("+39 347 123-4567", "+393471234567"), says("0039 (347) 1234567", "+393471234567")
    (True, True)
    >>> says("347 1234567", "+393471234567"), says("+1 347 123 4567", "+393471234567")
    (True, False)
    """
    wanted, digits = _digits(number), _digits(written)
    if written.strip().startswith("+") or digits.startswith("00"):
        return digits.removeprefix("00") == wanted
    national = digits.lstrip("0")
    return len(national) >= _SHORTEST and wanted.endswith(national)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)
