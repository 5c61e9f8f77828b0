"""Words of a SOQL statement, and errors that point at them."""

from __future__ import annotations

import re

from attrs import frozen

from crocevia_salesforce.simulator.errors import ApiError, refuse

_TOKEN = re.compile(
    r"""(?P<space>\s+)
    |(?P<string>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d(?![\dT]))
    |(?P<number>[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.]))
    |(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*(?::\d+)?)
    |(?P<mark><=|>=|!=|<>|[=<>(),])""",
    re.VERBOSE | re.ASCII,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f", '"': '"', "'": "'", "\\": "\\"}
_CONTEXT = 24


@frozen
class Token:
    """One word: ``kind`` is string, datetime, date, number, name, mark or end."""

    kind: str
    text: str
    at: int

    @property
    def word(self) -> str:
        """Return the word in capitals, for keywords."""
        return self.text.upper()


def tokens(statement: str) -> list[Token]:
    """Cut a statement into words.

    Raises:
        ApiError: MALFORMED_QUERY at the first character that begins no word.
    """
    found: list[Token] = []
    at = 0
    while at < len(statement):
        match = _TOKEN.match(statement, at)
        if match is None:
            raise malformed(statement, at, f"unexpected token: '{statement[at]}'")
        if match.lastgroup != "space":
            found.append(Token(str(match.lastgroup), match.group(), at))
        at = match.end()
    end = Token("end", "<EOF>", len(statement))
    return [*found, end, end]  # two: the parser looks one word ahead


def unquote(text: str) -> str:
    r"""Return the value of a string literal; ``\%`` and ``\_`` stay escaped, for LIKE."""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match.group(1), match.group()), text[1:-1])


def pointed(statement: str, at: int, message: str) -> str:
    """Return a message as Salesforce writes it: the statement around the fault, a caret, row and column."""
    row = statement.count("\n", 0, at) + 1
    start_of_row = statement.rfind("\n", 0, at) + 1
    line = statement[start_of_row:].split("\n", 1)[0]
    column = at - start_of_row
    start = max(0, column - _CONTEXT)
    shown = line[start : column + _CONTEXT]
    return f"\n{shown}\n{' ' * (column - start)}^\nERROR at Row:{row}:Column:{column + 1}\n{message}"


def malformed(statement: str, at: int, message: str) -> ApiError:
    """Return MALFORMED_QUERY at an offset of the statement."""
    return refuse(400, "MALFORMED_QUERY", pointed(statement, at, message))
