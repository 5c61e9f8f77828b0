"""Conditions as SQL that is never NULL: SOQL knows true and false only."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime
from typing import Any

from attrs import define

from crocevia_salesforce.simulator import clock, ids
from crocevia_salesforce.simulator.errors import ApiError, refuse
from crocevia_salesforce.simulator.schema import Field
from crocevia_salesforce.simulator.soql.dates import span
from crocevia_salesforce.simulator.soql.lexer import malformed, pointed
from crocevia_salesforce.simulator.soql.resolve import Source
from crocevia_salesforce.simulator.soql.syntax import (
    Aggregate,
    Comparison,
    Condition,
    Literal,
    Logic,
    Membership,
    Negation,
    Path,
    Query,
)

Sql = tuple[str, list[Any]]
_RANGES = {
    "=": "({c} >= ? AND {c} < ?)",
    "!=": "({c} IS NULL OR {c} < ? OR {c} >= ?)",
    "<": "({c} < ?)",
    ">=": "({c} >= ?)",
    ">": "({c} >= ?)",
    "<=": "({c} < ?)",
}
_NUMERIC = frozenset({"int", "double", "currency", "percent", "long"})


def _balanced(parts: list[str], operator: str) -> str:
    """Join conditions two by two: SQLite's expressions are at most a thousand deep, and a chain is as deep as long."""
    if len(parts) == 1:
        return parts[0]
    middle = len(parts) // 2
    return f"({_balanced(parts[:middle], operator)} {operator} {_balanced(parts[middle:], operator)})"


@define
class Conditions:
    """Compiles the conditions of one FROM."""

    source: Source
    now: datetime
    semi_join: Callable[[Query], tuple[Sql, Field]]
    aggregate: Callable[[Aggregate], tuple[str, Field | None]] | None = None

    def sql(self, condition: Condition) -> Sql:
        """Return the SQL of a condition and its parameters."""
        if isinstance(condition, Logic):
            parts = [self.sql(item) for item in condition.items]
            text = _balanced([part for part, _ in parts], condition.operator)
            return text, [value for _, values in parts for value in values]
        if isinstance(condition, Negation):
            text, values = self.sql(condition.item)
            return f"(NOT IFNULL({text}, 0))", values
        if isinstance(condition, Membership):
            return self._membership(condition)
        return self._comparison(condition)

    def _column(self, path: Path) -> tuple[str, Field]:
        column, field = self.source.resolve(path)
        if not field.filterable or not field.is_stored:
            message = f"field '{field.name}' can not be filtered in a query call"
            raise refuse(400, "INVALID_FIELD", pointed(self.source.statement, path.at, message))
        return column, field

    def _comparison(self, condition: Comparison) -> Sql:
        if isinstance(condition.left, Aggregate):
            if self.aggregate is None:
                raise malformed(
                    self.source.statement, condition.left.at, "Grouped expressions are allowed only in HAVING"
                )
            column, field = self.aggregate(condition.left)
            if field is None:
                if condition.right.kind != "number" or condition.operator == "LIKE":
                    raise malformed(self.source.statement, condition.right.at, "a count is compared with a number")
                return f"({column} {condition.operator} ?)", [float(condition.right.text)]
        else:
            column, field = self._column(condition.left)
        if condition.operator == "LIKE":
            return self._like(column, field, condition.right)
        if condition.right.kind == "null":
            return self._null(column, field, condition)
        if condition.right.kind == "keyword":
            return self._range(column, field, condition)
        value = self._value(field, condition.right)
        if field.is_text and isinstance(value, str) and not value.isascii():
            column, value = f"fold({column})", value.casefold()
        if condition.operator == "!=":
            return f"({column} IS NULL OR {column} <> ?)", [value]
        return f"({column} {condition.operator} ?)", [value]

    def _null(self, column: str, field: Field, condition: Comparison) -> Sql:
        if condition.operator not in {"=", "!="}:
            raise malformed(
                self.source.statement, condition.right.at, f"invalid operator for null: {condition.operator}"
            )
        if field.type == "boolean":
            raise self._wrong_type(field, condition.right)
        return f"({column} IS {'' if condition.operator == '=' else 'NOT '}NULL)", []

    def _like(self, column: str, field: Field, right: Literal) -> Sql:
        if not field.is_text or right.kind != "string":
            message = f"field '{field.name}' can not be filtered with LIKE: it is not text"
            raise refuse(400, "INVALID_FIELD", pointed(self.source.statement, right.at, message))
        if right.text.isascii():
            return f"({column} LIKE ? ESCAPE '\\')", [right.text]
        return f"(fold({column}) LIKE ? ESCAPE '\\')", [right.text.casefold()]

    def _range(self, column: str, field: Field, condition: Comparison) -> Sql:
        if field.type not in {"date", "datetime"}:
            raise self._wrong_type(field, condition.right)
        try:
            days = span(condition.right.text, self.now.date())
        except (ValueError, OverflowError) as error:
            message = f"{condition.right.text} is out of range"
            raise malformed(self.source.statement, condition.right.at, message) from error
        whole = field.type == "datetime"
        first, after = (clock.stamp(clock.midnight(day)) if whole else day.isoformat() for day in days)
        operator = condition.operator
        values = [first, after] if operator in {"=", "!="} else [first] if operator in {"<", ">="} else [after]
        return _RANGES[operator].format(c=column), values

    def _membership(self, condition: Membership) -> Sql:
        column, field = self._column(condition.left)
        if condition.operator in {"INCLUDES", "EXCLUDES"}:
            return self._includes(column, field, condition)
        negated = condition.operator == "NOT IN"
        if isinstance(condition.values, Query):
            (text, values), inner = self.semi_join(condition.values)
            if field.type not in {"id", "reference"} or inner.type not in {"id", "reference"}:
                message = "Semi-joins compare ids: both sides must be Id or reference fields"
                raise malformed(self.source.statement, condition.values.at, message)
            return f"({column} IS NOT NULL AND {column} {'NOT ' if negated else ''}IN ({text}))", values
        wanted = [self._value(field, literal) for literal in condition.values]
        present = [value for value in wanted if value is not None]
        if field.is_text and any(isinstance(value, str) and not value.isascii() for value in present):
            column, present = f"fold({column})", [str(value).casefold() for value in present]
        text = f"{column} IN ({', '.join('?' * len(present))})"
        if len(present) < len(wanted):
            text = f"({text} OR {column} IS NULL)"
        return (f"(NOT IFNULL({text}, 0))" if negated else f"({text})"), present

    def _includes(self, column: str, field: Field, condition: Membership) -> Sql:
        if field.type != "multipicklist" or isinstance(condition.values, Query):
            message = f"{condition.operator.lower()} operator only valid on multipicklist"
            raise refuse(
                400, "INVALID_QUERY_FILTER_OPERATOR", pointed(self.source.statement, condition.left.at, message)
            )
        anyof, values = [], []
        for literal in condition.values:
            together = literal.text.split(";")
            anyof.append("(" + " AND ".join(f"instr(';' || {column} || ';', ?) > 0" for _ in together) + ")")
            values += [f";{value};" for value in together]
        text = f"IFNULL({' OR '.join(anyof)}, 0)"
        return (f"({text})" if condition.operator == "INCLUDES" else f"(NOT {text})"), values

    def _wrong_type(self, field: Field, literal: Literal) -> ApiError:
        kind = {"datetime": "dateTime", "int": "int"}.get(field.type, field.type)
        kind = "string" if field.is_text else kind
        tail = (
            "and should be enclosed in quotes"
            if field.is_text or kind == "reference"
            else "and should not be enclosed in quotes"
        )
        message = f"value of filter criterion for field '{field.name}' must be of type {kind} {tail}"
        return refuse(400, "INVALID_FIELD", pointed(self.source.statement, literal.at, message))

    def _value(self, field: Field, literal: Literal) -> Any:
        """Return what a column is compared with.

        Raises:
            ApiError: INVALID_FIELD for a literal of another type, INVALID_QUERY_FILTER_OPERATOR for what is no id.
        """
        if literal.kind == "null":
            return None
        if field.type in {"id", "reference"}:
            return self._id(field, literal)
        wanted = (
            "string" if field.is_text or field.type == "time" else "number" if field.type in _NUMERIC else field.type
        )
        if literal.kind != wanted:
            raise self._wrong_type(field, literal)
        if wanted == "boolean":
            return int(literal.text == "TRUE")
        if wanted == "number":
            return float(literal.text)
        return self._day_or_moment(literal) if wanted in {"date", "datetime"} else literal.text

    def _day_or_moment(self, literal: Literal) -> str:
        try:
            if literal.kind == "date":
                return date.fromisoformat(literal.text).isoformat()
            return clock.stamp(clock.parse_moment(literal.text))
        except (ValueError, OverflowError) as error:
            kind = "date" if literal.kind == "date" else "dateTime"
            message = f"line is not a {kind}: {literal.text}"
            raise malformed(self.source.statement, literal.at, message) from error

    def _id(self, field: Field, literal: Literal) -> str:
        if literal.kind != "string":
            raise self._wrong_type(field, literal)
        if not literal.text:
            return ""
        wide = ids.widen(literal.text)
        if wide is None:
            message = pointed(self.source.statement, literal.at, f"invalid ID field: {literal.text}")
            raise refuse(400, "INVALID_QUERY_FILTER_OPERATOR", message)
        return wide
