"""The part of SOSL that is simulated: words in the text fields of the objects that RETURNING names, or of all.

``FIND {words} [IN scope FIELDS] [RETURNING Object[(fields [WHERE …] [ORDER BY …] [LIMIT n])], …] [LIMIT n]``

All words must be found, each at the beginning of a word of one field; ``*`` stands for any letters, ``?`` for one.
Source: SOQL and SOSL Reference, "SOSL Syntax", v60.0.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from attrs import frozen

from crocevia_salesforce.simulator.database import Database, quote
from crocevia_salesforce.simulator.errors import ApiError, refuse
from crocevia_salesforce.simulator.schema import Field, Schema, SObject
from crocevia_salesforce.simulator.soql.lexer import Token, tokens
from crocevia_salesforce.simulator.soql.run import Runner

MAX_FOUND = 2_000
"""Records of one search. Source: SOQL and SOSL Reference, "SOSL Limits on Search Results", v60.0."""
MIN_TERM = 2
_SCOPES = {
    "ALL": None,
    "SIDEBAR": None,
    "NAME": frozenset({"Name", "FirstName", "LastName", "Subject"}),
    "EMAIL": frozenset({"email"}),
    "PHONE": frozenset({"phone"}),
}
_FIND = re.compile(
    r"\s*FIND\s*\{(?P<term>(?:[^}\\]|\\.)*)\}(?:\s+IN\s+(?P<scope>\w+)\s+FIELDS)?"
    r"(?:\s+RETURNING\s+(?P<returning>.*?))?(?:\s+LIMIT\s+(?P<limit>\d{1,6}))?\s*\Z",
    re.IGNORECASE | re.DOTALL | re.ASCII,
)
_CLAUSES = frozenset({"WHERE", "ORDER", "LIMIT", "OFFSET"})


@frozen
class Wanted:
    """One object of RETURNING: its name, the fields, and what follows them."""

    name: str
    fields: str
    tail: str


def malformed(message: str) -> ApiError:
    """Return the error of a search that cannot be run."""
    return refuse(400, "MALFORMED_SEARCH", message)


def search(schema: Schema, runner: Runner, statement: str, version: str) -> list[dict[str, Any]]:
    """Run a search and return its records.

    Raises:
        ApiError: MALFORMED_SEARCH, INVALID_TYPE, INVALID_FIELD.
    """
    match = _FIND.match(statement)
    if match is None:
        raise malformed("No search term found. The search term must be enclosed in braces.")
    scope = (match.group("scope") or "ALL").upper()
    if scope not in _SCOPES:
        raise malformed(f"unexpected token: {match.group('scope')}")
    if match.group("returning") is None:
        wanted = [Wanted(each.name, "Id", "") for each in schema.objects.values() if each.describe.get("searchable")]
    else:
        wanted = _returning(match.group("returning"))
    limit = min(int(match.group("limit") or MAX_FOUND), MAX_FOUND)
    found: list[dict[str, Any]] = []
    for item in wanted:
        sobject = schema.get(item.name)
        if sobject is None or sobject.field("Id") is None:
            raise refuse(400, "INVALID_TYPE", f"sObject type '{item.name}' is not supported.")
        ids = matching(runner.database, sobject, match.group("term"), scope)
        if ids:
            found += _records(schema, runner, item, sobject, ids, version)
    return found[:limit]


def _records(
    schema: Schema, runner: Runner, item: Wanted, sobject: SObject, ids: Sequence[str], version: str
) -> list[dict[str, Any]]:
    where, _, rest = item.tail.partition("\0")
    condition = f" AND ({where})" if where else ""
    inside = ", ".join(f"'{record_id}'" for record_id in ids)
    soql = f"SELECT {item.fields} FROM {sobject.name} WHERE Id IN ({inside}){condition} {rest}"
    return runner.query(schema, soql, version).records


def matching(database: Database, sobject: SObject, term: str, scope: str = "ALL") -> list[str]:
    """Return the ids of the living records in which all words of a term are found, oldest first.

    Raises:
        ApiError: MALFORMED_SEARCH for a term of fewer than two letters.
    """
    words = [word for word in re.sub(r"\\(.)", r"\1", term).replace('"', " ").split() if word.upper() != "AND"]
    if not words or len(re.sub(r"[*?\s]", "", "".join(words))) < MIN_TERM:
        raise malformed("The search term must be longer than one character")
    fields = [field for field in sobject.fields.values() if _is_searched(field, scope)]
    if not fields:
        return []
    every, parameters = [], []
    for word in words:
        pattern = re.sub(r"([\\%_])", r"\\\1", word).replace("*", "%").replace("?", "_")
        any_field = " OR ".join(f"' ' || {quote(field.name)} LIKE ? ESCAPE '\\'" for field in fields)
        every.append(f"({any_field})")
        parameters += [f"% {pattern}%"] * len(fields)
    sql = (
        f'SELECT "Id" FROM {quote(sobject.name)} WHERE "IsDeleted" = 0 AND {" AND ".join(every)} ORDER BY "Id" LIMIT ?'
    )
    return [row[0] for row in database.execute(sql, (*parameters, MAX_FOUND))]


def _is_searched(field: Field, scope: str) -> bool:
    named = _SCOPES[scope]
    if not field.is_stored or not field.is_text or field.type in {"picklist", "multipicklist", "combobox"}:
        return False
    return named is None or field.name in named or field.type in named


def _returning(text: str) -> list[Wanted]:
    """Cut RETURNING into its objects."""
    words = tokens(text)
    found, at = [], 0
    while words[at].kind == "name":
        name, at = words[at].text, at + 1
        fields, tail = "Id", ""
        if words[at].text == "(":
            end = _closing(words, at)
            fields, tail = _inner(text, words[at + 1 : end + 1])
            at = end + 1
        found.append(Wanted(name, fields, tail))
        if words[at].text != ",":
            break
        at += 1
    if not found or words[at].kind != "end":
        raise malformed(f"unexpected token: {words[at].text}")
    return found


def _closing(words: Sequence[Token], at: int) -> int:
    depth = 0
    for here in range(at, len(words)):
        depth += {"(": 1, ")": -1}.get(words[here].text, 0)
        if depth == 0:
            return here
    raise malformed("missing: ')'")


def _inner(text: str, words: Sequence[Token]) -> tuple[str, str]:
    """Return the fields of one object, and its condition and its other clauses with a NUL between."""
    start, end = words[0].at, words[-1].at
    depth, marks = 0, []
    for word in words:
        depth += {"(": 1, ")": -1}.get(word.text, 0)
        if depth == 0 and word.kind == "name" and word.word in _CLAUSES:
            marks.append(word)
    if not marks:
        return text[start:end], ""
    fields = text[start : marks[0].at]
    if marks[0].word != "WHERE":
        return fields, "\0" + text[marks[0].at : end]
    after = marks[1].at if len(marks) > 1 else end
    return fields, text[marks[0].at + len("WHERE") : after] + "\0" + text[after:end]
