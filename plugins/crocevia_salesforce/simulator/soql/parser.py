"""From words to a statement."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from crocevia_salesforce.simulator.errors import ApiError, refuse
from crocevia_salesforce.simulator.soql.lexer import Token, malformed, tokens, unquote
from crocevia_salesforce.simulator.soql.syntax import (
    Aggregate,
    Comparison,
    Condition,
    Fields,
    Literal,
    Logic,
    Membership,
    Negation,
    Order,
    Path,
    Query,
    TypeOf,
)

AGGREGATES = frozenset({"COUNT", "COUNT_DISTINCT", "SUM", "AVG", "MIN", "MAX"})
MAX_STATEMENT = 100_000
"""Characters of a statement. Source: SOQL and SOSL Reference, "SOQL and SOSL Limits", v60.0."""
MAX_OFFSET = 2_000
MAX_DEPTH = 50
"""Parentheses and negations within each other; the org gives no number, and refuses deep ones, too."""
_MAX_DIGITS = 10
_CLAUSES = frozenset({"WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "USING", "WITH", "FOR", "ALL", "UPDATE"})
_COMPARISONS = frozenset({"=", "!=", "<>", "<", "<=", ">", ">="})
_KEYWORD_DATE = re.compile(
    r"(?:YESTERDAY|TODAY|TOMORROW|(?:LAST|THIS|NEXT)_(?:WEEK|MONTH|QUARTER|YEAR)|(?:LAST|NEXT)_90_DAYS"
    r"|(?:LAST|NEXT)_N_(?:DAYS|WEEKS|MONTHS|YEARS):\d+|N_DAYS_AGO:\d+)\Z",
)
_Item = TypeVar("_Item")


def parse(statement: str) -> Query:
    """Parse a whole statement.

    Raises:
        ApiError: MALFORMED_QUERY, or QUERY_TOO_COMPLICATED for one that is too long.
    """
    if len(statement) > MAX_STATEMENT:
        raise refuse(
            400,
            "QUERY_TOO_COMPLICATED",
            "Query is either selecting too many fields or the filter conditions are too complicated.",
        )
    parser = _Parser(statement)
    query = parser.query()
    parser.expect_end()
    return query


def parse_condition(text: str) -> Condition:
    """Parse what may stand after WHERE, for the rules of an org."""
    parser = _Parser(text)
    condition = parser.condition()
    parser.expect_end()
    return condition


class _Parser:
    def __init__(self, statement: str) -> None:
        self._statement = statement
        self._tokens = tokens(statement)
        self._at = 0
        self._depth = 0

    @contextmanager
    def _deeper(self) -> Iterator[None]:
        """Go one level down; too many are refused before Python's own stack is used up."""
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._fail()
        yield
        self._depth -= 1

    @property
    def _next(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._next
        if token.kind != "end":
            self._at += 1
        return token

    def _fail(self, token: Token | None = None) -> ApiError:
        token = token or self._next
        return malformed(self._statement, token.at, f"unexpected token: '{token.text}'")

    def _accept(self, *words: str) -> bool:
        ahead = self._tokens[self._at : self._at + len(words)]
        if tuple(token.word for token in ahead) != words or any(token.kind == "string" for token in ahead):
            return False
        self._at += len(words)
        return True

    def _expect(self, *words: str) -> None:
        if not self._accept(*words):
            raise self._fail()

    def expect_end(self) -> None:
        if self._next.kind != "end":
            raise self._fail()

    def _list(self, item: Callable[[], _Item]) -> tuple[_Item, ...]:
        found = [item()]
        while self._accept(","):
            found.append(item())
        return tuple(found)

    def query(self) -> Query:
        at = self._next.at
        self._expect("SELECT")
        select = self._list(self._selected)
        self._expect("FROM")
        source = self._name()
        alias = None
        self._accept("AS")
        if self._next.kind == "name" and self._next.word not in _CLAUSES:
            alias = self._take().text
        where = self.condition() if self._accept("WHERE") else None
        group = self._list(self._path) if self._accept("GROUP", "BY") else ()
        having = self.condition() if self._accept("HAVING") else None
        order = self._list(self._order) if self._accept("ORDER", "BY") else ()
        limit = self._integer() if self._accept("LIMIT") else None
        offset = self._integer() if self._accept("OFFSET") else None
        if offset is not None and offset > MAX_OFFSET:
            raise refuse(400, "NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {MAX_OFFSET}")
        return Query(select, source.text, source.at, alias, where, group, having, order, limit, offset, at)

    def _name(self) -> Token:
        if self._next.kind != "name" or "." in self._next.text or ":" in self._next.text:
            raise self._fail()
        return self._take()

    def _integer(self) -> int:
        token = self._take()
        if token.kind != "number" or not token.text.isdigit() or len(token.text) > _MAX_DIGITS:
            raise self._fail(token)
        return int(token.text)

    def _path(self) -> Path:
        token = self._take()
        if token.kind != "name" or ":" in token.text or self._next.text == "(":
            raise self._fail(self._next if token.kind == "name" else token)
        return Path(tuple(token.text.split(".")), token.at)

    def _selected(self) -> Path | Aggregate | Fields | TypeOf | Query:
        if self._accept("("):
            with self._deeper():
                query = self.query()
            self._expect(")")
            return query
        if self._next.word == "TYPEOF":
            return self._type_of()
        if self._next.word == "FIELDS" and self._tokens[self._at + 1].text == "(":
            at = self._take().at
            self._expect("(")
            kind = self._name()
            if kind.word not in {"ALL", "STANDARD", "CUSTOM"}:
                raise self._fail(kind)
            self._expect(")")
            return Fields(kind.word, at)
        found = self._aggregate_or_path()
        if isinstance(found, Aggregate) and self._next.kind == "name" and self._next.word != "FROM":
            return Aggregate(found.function, found.argument, self._name().text, found.at)
        return found

    def _aggregate_or_path(self) -> Aggregate | Path:
        if self._tokens[self._at + 1].text != "(":
            return self._path()
        token = self._take()
        if token.word not in AGGREGATES:
            raise self._fail(token)
        self._expect("(")
        argument = None if self._next.text == ")" else self._path()
        if argument is None and token.word != "COUNT":
            raise self._fail()
        self._expect(")")
        return Aggregate(token.word, argument, None, token.at)

    def _type_of(self) -> TypeOf:
        at = self._take().at
        relationship = self._name().text
        branches = []
        while self._accept("WHEN"):
            type_ = self._name().text
            self._expect("THEN")
            branches.append((type_, self._list(self._path)))
        otherwise = self._list(self._path) if self._accept("ELSE") else ()
        if not branches:
            raise self._fail()
        self._expect("END")
        return TypeOf(relationship, tuple(branches), otherwise, at)

    def _order(self) -> Order:
        by = self._aggregate_or_path()
        descending = self._accept("DESC")
        if not descending:
            self._accept("ASC")
        nulls = True if self._accept("NULLS", "LAST") else False if self._accept("NULLS", "FIRST") else None
        return Order(by, descending, nulls)

    def condition(self) -> Condition:
        first = self._term()
        operator = next((word for word in ("AND", "OR") if self._next.word == word), None)
        if operator is None:
            return first
        items = [first]
        while self._accept(operator):
            items.append(self._term())
        if self._next.word in {"AND", "OR"}:  # the org, too, wants parentheses where both are mixed
            raise self._fail()
        return Logic(operator, tuple(items))

    def _term(self) -> Condition:
        with self._deeper():
            if self._accept("NOT"):
                return Negation(self._term())
            if self._accept("("):
                inner = self.condition()
                self._expect(")")
                return inner
            return self._simple()

    def _simple(self) -> Condition:
        left = self._aggregate_or_path()
        token = self._take()
        if token.text in _COMPARISONS:
            return Comparison(left, "!=" if token.text == "<>" else token.text, self._literal())
        if token.word == "LIKE":
            return Comparison(left, "LIKE", self._literal())
        if isinstance(left, Aggregate):
            raise self._fail(token)
        if token.word == "NOT" and self._accept("IN"):
            return Membership(left, "NOT IN", self._members())
        if token.word in {"IN", "INCLUDES", "EXCLUDES"}:
            return Membership(left, token.word, self._members())
        raise self._fail(token)

    def _members(self) -> tuple[Literal, ...] | Query:
        self._expect("(")
        found: tuple[Literal, ...] | Query
        found = self.query() if self._next.word == "SELECT" else self._list(self._literal)
        self._expect(")")
        return found

    def _literal(self) -> Literal:
        token = self._take()
        if token.kind == "string":
            return Literal("string", unquote(token.text), token.at)
        if token.kind in {"number", "date", "datetime"}:
            return Literal(token.kind, token.text, token.at)
        if token.kind == "name" and token.word in {"TRUE", "FALSE"}:
            return Literal("boolean", token.word, token.at)
        if token.kind == "name" and token.word == "NULL":
            return Literal("null", "", token.at)
        if token.kind == "name" and _KEYWORD_DATE.match(token.word):
            return Literal("keyword", token.word, token.at)
        raise self._fail(token)
