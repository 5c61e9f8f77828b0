"""Run statements: pages with locators, aggregates, child rows, TYPEOF."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from attrs import define, evolve, frozen

from crocevia_salesforce.simulator import values
from crocevia_salesforce.simulator.clock import Clock
from crocevia_salesforce.simulator.database import Database
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.ids import mint
from crocevia_salesforce.simulator.schema import Field, Schema
from crocevia_salesforce.simulator.soql.lexer import malformed
from crocevia_salesforce.simulator.soql.parser import parse
from crocevia_salesforce.simulator.soql.plan import Plan
from crocevia_salesforce.simulator.soql.project import attributes
from crocevia_salesforce.simulator.soql.syntax import TypeOf

_TABLES = (
    "CREATE TABLE IF NOT EXISTS sim_cursors (id TEXT PRIMARY KEY, soql TEXT, all_rows INTEGER, total INTEGER)",
    (
        "CREATE TABLE IF NOT EXISTS sim_cursor_rows "
        "(cursor TEXT, position INTEGER, id TEXT, PRIMARY KEY (cursor, position)) WITHOUT ROWID"
    ),
)
_MAX_DIGITS = 10
MAX_CURSORS = 10
"""Open locators; an eleventh closes the oldest. Source: SOQL and SOSL Reference, "SOQL and SOSL Limits", v60.0."""
MAX_GROUPS = 2_000
"""Rows of an aggregate query, which has no further pages. Source: as above."""


@frozen
class Page:
    """One page of an answer. ``locator`` is the way to the next; ``plan`` says what was selected."""

    total: int
    records: list[dict[str, Any]]
    locator: str | None
    plan: Plan

    def body(self, version: str, resource: str = "query") -> dict[str, Any]:
        """Return the page as REST sends it."""
        found: dict[str, Any] = {"totalSize": self.total, "done": self.locator is None}
        if self.locator:
            found["nextRecordsUrl"] = f"/services/data/v{version}/{resource}/{self.locator}"
        return {**found, "records": self.records}


@define
class Runner:
    """Runs SOQL against the org's records."""

    database: Database
    clock: Clock

    def __attrs_post_init__(self) -> None:
        """Make the tables of open locators."""
        for sql in _TABLES:
            self.database.execute(sql)

    def query(self, schema: Schema, soql: str, version: str, *, all_rows: bool = False, batch: int = 2_000) -> Page:
        """Run a statement and return its first page.

        Args:
            schema: The schema as the caller may see it.
            soql: The statement.
            version: API version for the records' addresses, such as ``60.0``.
            all_rows: Also what lies in the recycle bin (queryAll).
            batch: Records a page.

        Raises:
            ApiError: MALFORMED_QUERY, INVALID_FIELD, INVALID_TYPE and their like.
        """
        plan = self.plan(schema, soql, all_rows=all_rows)
        if plan.is_count:
            sql, parameters = plan.rows_sql("COUNT(*)")
            return Page(int(self.database.one(sql, parameters)[0]), [], None, plan)
        if plan.is_aggregate:
            return self._groups(plan)
        sql, parameters = plan.rows_sql(", ".join(plan.projection.columns))
        found = self.database.execute(sql, parameters)
        rows = found.fetchmany(batch + 1)
        if len(rows) <= batch:
            return Page(len(rows), self._records(plan, rows, version), None, plan)
        found.close()
        cursor, total = self._open(plan, soql)
        return Page(total, self._records(plan, rows[:batch], version), f"{cursor}-{batch}", plan)

    def more(self, schema: Schema, locator: str, version: str, batch: int = 2_000) -> Page:
        """Return the page that a locator leads to.

        Raises:
            ApiError: INVALID_QUERY_LOCATOR for one that is closed or was never open.
        """
        cursor, _, first = locator.partition("-")
        opened = self.database.one("SELECT soql, all_rows, total FROM sim_cursors WHERE id = ?", (cursor,))
        if opened is None or not (first.isascii() and first.isdigit()) or len(first) > _MAX_DIGITS:
            raise refuse(400, "INVALID_QUERY_LOCATOR", "invalid query locator")
        plan = self.plan(schema, opened[0], all_rows=bool(opened[1]))
        start, end = int(first), int(first) + batch
        following = f"{cursor}-{end}" if end < opened[2] else None
        return Page(opened[2], self.rows(plan, cursor, start, end, version), following, plan)

    def plan(self, schema: Schema, soql: str, *, all_rows: bool) -> Plan:
        """Make a statement ready without running it.

        Raises:
            ApiError: It cannot be run.
        """
        return Plan(schema, parse(soql), soql, self.clock.now(), all_rows)

    def snapshot(self, plan: Plan, cursor: str) -> int:
        """Keep the ids that a statement finds now under a cursor's name; return how many."""
        sql, parameters = plan.rows_sql(f'{plan.alias}."Id" AS id')
        fill = f"INSERT INTO sim_cursor_rows SELECT ?, row_number() OVER () - 1, id FROM ({sql})"
        return int(self.database.execute(fill, (cursor, *parameters)).rowcount)

    def rows(self, plan: Plan, cursor: str, start: int, end: int, version: str) -> list[dict[str, Any]]:
        """Return the records of a cursor from a position to before another, as they are now."""
        sql = plan.page_sql(", ".join(plan.projection.columns))
        return self._records(plan, self.database.execute(sql, (cursor, start, end)).fetchall(), version)

    def _open(self, plan: Plan, soql: str) -> tuple[str, int]:
        cursor = mint("0r8", self.database.next_number("sim_cursors"))
        with self.database.transaction():
            oldest = "SELECT id FROM sim_cursors ORDER BY id DESC LIMIT -1 OFFSET ?"
            for closing in self.database.execute(oldest, (MAX_CURSORS - 1,)).fetchall():
                self.database.execute("DELETE FROM sim_cursor_rows WHERE cursor = ?", (closing[0],))
                self.database.execute("DELETE FROM sim_cursors WHERE id = ?", (closing[0],))
            total = self.snapshot(plan, cursor)
            self.database.execute("INSERT INTO sim_cursors VALUES (?, ?, ?, ?)", (cursor, soql, plan.all_rows, total))
        return cursor, total

    def _groups(self, plan: Plan) -> Page:
        sql, parameters = plan.rows_sql(", ".join(column for _, column, _ in plan.aggregates))
        rows = self.database.execute(sql, parameters).fetchmany(MAX_GROUPS + 1)
        if len(rows) > MAX_GROUPS:
            raise refuse(
                400,
                "EXCEEDED_ID_LIMIT",
                "Aggregate query does not support queryMore(), use LIMIT to restrict the results to a single batch",
            )
        records = [
            {"attributes": {"type": "AggregateResult"}}
            | {
                name: values.to_json(field, value) if field else value
                for (name, _, field), value in zip(plan.aggregates, row, strict=True)
            }
            for row in rows
        ]
        return Page(len(records), records, None, plan)

    def _records(self, plan: Plan, rows: Sequence[Any], version: str) -> list[dict[str, Any]]:
        records = [plan.projection.record(row, version) for row in rows]
        keys = [row[0] for row in rows]
        for name, child, query, column in plan.children:
            inner = Plan(
                plan.schema, evolve(query, source=child), plan.statement, plan.now, plan.all_rows, "c", (column, keys)
            )
            if inner.is_aggregate or inner.children:
                raise malformed(plan.statement, query.at, "child queries select fields only")
            self._attach(records, keys, name, inner, column, version)
        for type_of, reference, at in plan.types:
            self._attach_types(records, [row[at] for row in rows], type_of, reference, plan, version)
        return records

    def _attach(
        self, records: list[dict[str, Any]], keys: list[str], name: str, inner: Plan, column: str, version: str
    ) -> None:
        limit, inner.query = inner.query.limit, evolve(inner.query, limit=None, offset=None)
        sql, parameters = inner.rows_sql(", ".join([*inner.projection.columns, f'{inner.alias}."{column}"']))
        found: dict[str, list[dict[str, Any]]] = {}
        for row in self.database.execute(sql, parameters) if keys else ():
            mine = found.setdefault(row[len(row) - 1], [])
            if limit is None or len(mine) < limit:
                mine.append(inner.projection.record(row, version))
        for record, key in zip(records, keys, strict=True):
            rows = found.get(key)
            record[name] = {"totalSize": len(rows), "done": True, "records": rows} if rows else None

    def _attach_types(
        self,
        records: list[dict[str, Any]],
        targets: list[str | None],
        item: TypeOf,
        reference: Field,
        plan: Plan,
        version: str,
    ) -> None:
        branches = {name.lower(): paths for name, paths in item.branches}
        found: dict[str, dict[str, Any]] = {}
        for prefix, group in groupby(sorted({target for target in targets if target}), key=lambda target: target[:3]):
            sobject = plan.schema.by_id(prefix)
            if sobject is None:
                continue
            paths = branches.get(sobject.name.lower(), item.otherwise)
            wanted = list(group)
            fields = ", ".join(map(str, paths)) or "Id"
            soql = f"SELECT {fields} FROM {sobject.name}"
            inner = Plan(plan.schema, parse(soql), soql, plan.now, all_rows=True, alias="p", parent=("Id", wanted))
            sql, parameters = inner.rows_sql(", ".join(inner.projection.columns))
            for row in self.database.execute(sql, parameters):
                record = inner.projection.record(row, version)
                found[row[0]] = record if paths else {"attributes": attributes(version, sobject.name, row[0])}
        for record, target in zip(records, targets, strict=True):
            record[reference.relationship or item.relationship] = found.get(target) if target else None
