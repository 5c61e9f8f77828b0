"""A statement made ready: SQL for its rows, and what is fetched beside them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import define, field

from crocevia_salesforce.simulator.database import quote
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.schema import Field, Schema
from crocevia_salesforce.simulator.soql.lexer import malformed, pointed
from crocevia_salesforce.simulator.soql.project import Projection
from crocevia_salesforce.simulator.soql.resolve import APPEND, Source
from crocevia_salesforce.simulator.soql.syntax import Aggregate, Fields, Order, Path, Query, TypeOf
from crocevia_salesforce.simulator.soql.where import Conditions, Sql

_FUNCTIONS = {
    "COUNT": "COUNT({})",
    "COUNT_DISTINCT": "COUNT(DISTINCT {})",
    "SUM": "SUM({})",
    "AVG": "AVG({})",
    "MIN": "MIN({})",
    "MAX": "MAX({})",
}
_NUMERIC = frozenset({"int", "double", "currency", "percent", "long"})


@define
class Plan:
    """One statement against one schema. ``all_rows`` sees the recycle bin, as queryAll does."""

    schema: Schema
    query: Query
    statement: str
    now: datetime
    all_rows: bool
    alias: str = "t"
    parent: tuple[str, Sequence[str]] | None = None
    source: Source = field(init=False)
    projection: Projection = field(init=False)
    aggregates: list[tuple[str, str, Field | None]] = field(factory=list)
    children: list[tuple[str, str, Query, str]] = field(factory=list)
    types: list[tuple[TypeOf, Field, int]] = field(factory=list)
    where: Sql = field(init=False)

    def __attrs_post_init__(self) -> None:
        """Resolve every name; a wrong one is refused here."""
        query = self.query
        written = query.alias
        self.source = Source.named(self.schema, query.source, query.source_at, self.statement, self.alias, written)
        self.projection = Projection(self.source)
        self._select()
        self.where = self._where()

    @property
    def is_count(self) -> bool:
        """Whether the statement is ``SELECT COUNT() FROM``, which returns no records."""
        select = self.query.select
        return len(select) == 1 and isinstance(select[0], Aggregate) and select[0].argument is None

    @property
    def is_aggregate(self) -> bool:
        """Whether rows are groups, not records."""
        return bool(self.query.group) or any(isinstance(item, Aggregate) for item in self.query.select)

    def _select(self) -> None:
        if self.is_count:
            return
        for item in self.query.select:
            if isinstance(item, Query):
                self._add_children(item)
            elif isinstance(item, TypeOf):
                self._add_type_of(item)
            elif isinstance(item, Fields):
                self.projection.add_all(item, self.query.limit)
            elif self.is_aggregate:
                self._add_aggregate(item)
            else:
                self.projection.add(item)  # type: ignore[arg-type]  # aggregates are all in the branch above

    def _add_children(self, item: Query) -> None:
        wanted = item.source.lower()
        found = next((entry for entry in self.source.sobject.children if entry.name.lower() == wanted), None)
        if found is None or self.schema.get(found.child) is None:
            message = f"Didn't understand relationship '{item.source}' in FROM part of query call."
            message += APPEND.format("relationship", "__r", "custom relationship name")
            raise refuse(400, "INVALID_TYPE", pointed(self.statement, item.source_at, message))
        self.children.append((found.name, found.child, item, found.field))

    def _add_type_of(self, item: TypeOf) -> None:
        reference = self.source.sobject.by_relationship(item.relationship)
        if reference is None:
            raise self.source.no_column(Path((item.relationship,), item.at), self.source.sobject)
        self.types.append((item, reference, len(self.projection.columns)))
        self.projection.columns.append(f"{self.alias}.{quote(reference.name)}")

    def _add_aggregate(self, item: Path | Aggregate) -> None:
        if isinstance(item, Path):
            column, found = self.source.resolve(item)
            if not any(self.source.resolve(path)[0] == column for path in self.query.group):
                message = f"Field must be grouped or aggregated: {item}"
                raise malformed(self.statement, item.at, message)
            name = item.names[-1] if found.name.lower() == item.names[-1].lower() else found.name
            self.aggregates.append((name, column, found))
            return
        if item.argument is None and len(self.query.select) > 1:
            raise malformed(self.statement, item.at, "Grouped query cannot use COUNT() with other fields")
        column, found_type = self.aggregate(item)
        unnamed = sum(name.startswith("expr") for name, _, _ in self.aggregates)
        self.aggregates.append((item.alias or f"expr{unnamed}", column, found_type))

    def aggregate(self, item: Aggregate) -> tuple[str, Field | None]:
        """Return the SQL of an aggregate, and its field where the result is of the field's type."""
        if item.argument is None:
            return "COUNT(*)", None
        column, found = self.source.resolve(item.argument)
        if not found.is_stored or (item.function in {"SUM", "AVG"} and found.type not in _NUMERIC):
            message = f"field {found.name} does not support aggregate operator {item.function}"
            raise malformed(self.statement, item.at, message)
        return _FUNCTIONS[item.function].format(column), found if item.function in {"MIN", "MAX"} else None

    def _conditions(self) -> Conditions:
        return Conditions(self.source, self.now, self._semi_join)

    def _where(self) -> Sql:
        text, parameters = self._conditions().sql(self.query.where) if self.query.where else ("1", [])
        if not self.all_rows:
            text = f'{self.alias}."IsDeleted" = 0 AND {text}'
        if self.parent:
            column, parents = self.parent
            text = f"{self.alias}.{quote(column)} IN ({', '.join('?' * len(parents))}) AND {text}"
            parameters = [*parents, *parameters]
        return text, parameters

    def _semi_join(self, query: Query) -> tuple[Sql, Field]:
        inner = Plan(self.schema, query, self.statement, self.now, self.all_rows, alias=self.alias + "s")
        if len(query.select) != 1 or len(inner.projection.root.order) != 1 or query.order or query.limit is not None:
            raise malformed(
                self.statement, query.at, "a semi-join selects exactly one field, with no ORDER BY and no LIMIT"
            )
        columns = inner.projection.columns
        ((_, selected),) = inner.projection.walk()
        joins = " ".join(inner.source.join_sql)
        text, parameters = inner.where
        table = quote(inner.source.sobject.name)
        sql = f"SELECT {columns[-1]} FROM {table} {inner.alias} {joins} WHERE {columns[-1]} IS NOT NULL AND {text}"
        return (sql, parameters), selected

    def _order_by(self) -> str:
        parts = [self._order(order) for order in self.query.order]
        if not self.is_aggregate:
            parts.append(f'{self.alias}."Id"')
        return f"ORDER BY {', '.join(parts)}" if parts else ""

    def _order(self, order: Order) -> str:
        if isinstance(order.by, Aggregate):
            column = self.aggregate(order.by)[0]
        else:
            column, found = self.source.resolve(order.by)
            if not found.sortable or not found.is_stored:
                message = f"field '{found.name}' can not be sorted in a query call"
                raise refuse(400, "INVALID_FIELD", pointed(self.statement, order.by.at, message))
        # SQLite has nulls first ascending and last descending; the org has them first in both
        nulls = " NULLS LAST" if order.nulls_last else " NULLS FIRST" if order.descending else ""
        return f"{column} {'DESC' if order.descending else 'ASC'}{nulls}"

    def _group_by(self) -> Sql:
        if not self.query.group:
            return "", []
        text = "GROUP BY " + ", ".join(self._grouped(path) for path in self.query.group)
        if self.query.having is None:
            return text, []
        conditions = Conditions(self.source, self.now, self._semi_join, self.aggregate)
        having, parameters = conditions.sql(self.query.having)
        return f"{text} HAVING {having}", parameters

    def _grouped(self, path: Path) -> str:
        column, found = self.source.resolve(path)
        if not found.groupable or not found.is_stored:
            message = f"field '{found.name}' can not be grouped in a query call"
            raise refuse(400, "INVALID_FIELD", pointed(self.statement, path.at, message))
        return column

    def rows_sql(self, columns: str) -> Sql:
        """Return the SQL of the rows, with the columns asked for, all of them but for LIMIT and OFFSET."""
        group, having = self._group_by()
        order = self._order_by()  # before the joins are read: it may add some
        text, parameters = self.where
        joins = " ".join(self.source.join_sql)
        table = quote(self.source.sobject.name)
        sql = f"SELECT {columns} FROM {table} {self.alias} {joins} WHERE {text} {group} {order}"
        if self.query.limit is not None or self.query.offset is not None:
            limit = -1 if self.query.limit is None else self.query.limit
            sql += f" LIMIT {limit} OFFSET {self.query.offset or 0}"
        return sql, [*parameters, *having]

    def page_sql(self, columns: str) -> str:
        """Return the SQL of one page of a cursor; its parameters are cursor, first position, end position."""
        joins = " ".join(self.source.join_sql)
        table = quote(self.source.sobject.name)
        on = f'ON {self.alias}."Id" = c.id'
        where = "WHERE c.cursor = ? AND c.position >= ? AND c.position < ? ORDER BY c.position"
        return f"SELECT {columns} FROM sim_cursor_rows c JOIN {table} {self.alias} {on} {joins} {where}"
