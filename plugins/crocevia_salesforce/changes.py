"""What changed since a cursor: by SystemModstamp, by child rows, and by the log of deletions; polls packed together.

Reading a backlog is a query a page. At rest one Composite asks for all objects that the core polls, so that five
queries are one call: the answers for the others wait for the moment, right after, when the core asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import msgspec
from attrs import define, evolve, field, frozen

from crocevia import RawPage
from crocevia.errors import RemoteError, SchemaDriftError
from crocevia_salesforce import children
from crocevia_salesforce.cursor import START, Cursor, Position
from crocevia_salesforce.parsing import MOMENTS_HEADER, RETOLD_HEADER
from crocevia_salesforce.reads import IDS_A_QUERY, Reads, listed, selected
from crocevia_salesforce.schemas import Schema, Schemas
from crocevia_salesforce.transport import Transport
from crocevia_salesforce.values import moment_of, soql_moment

PAGE = 2_000
"""Rows an answer holds at most. Source: REST API guide v60.0, "Query More Results"."""
POLLED = 500
"""Rows asked for at rest, where five answers come together; a longer backlog goes on in pages."""
QUERIES_A_CALL = 5
"""Source: REST API guide v60.0, "Composite": 25 subrequests, 5 of them queries or Collections."""
_STALE = timedelta(seconds=20)
"""How long an answer may wait for the core to ask for it."""
DELETIONS_EVERY = timedelta(minutes=15)
"""How often the log of deletions is asked for records that no query shows any more; it costs no call of its own."""
_LOG_LAGS = timedelta(minutes=2)
"""The log is not asked for what is younger: merges are told by queryAll first."""


@frozen(kw_only=True)
class _Asked:
    """What the core asks for: one object from a cursor on.

    Attributes:
        lookup: Lookup of the child rows to it; None: they are not mapped.
        only: The condition that its records have to meet; "": none.
    """

    object: str
    fields: tuple[str, ...]
    text: str
    cursor: Cursor
    schema: Schema
    lookup: str | None
    only: str

    def query(self, position: Position, most: int) -> str:
        """Its rows after a position."""
        names = ", ".join(selected(self.schema, self.fields))
        return f"SELECT {names} FROM {self.object}{_after(position, self.only)} LIMIT {most}"  # noqa: S608 - SOQL, of names the org gave


@frozen(kw_only=True)
class _Polled:
    """The answers of one poll of one object; None: was not asked for."""

    asked: _Asked
    at: datetime
    own: Any
    children: Any = None
    deleted: Any = None


@define
class Changes:
    """Polls one org.

    Attributes:
        overlap: How late a commit may be.
        now: Our clock.
        asked: `{object: condition}` of what people ask for by records that are not ours: from now on, and once each.
    """

    transport: Transport
    schemas: Schemas
    reads: Reads
    overlap: timedelta
    now: Callable[[], datetime]
    asked: Mapping[str, str] = field(factory=dict)
    _resting: dict[str, tuple[str, tuple[str, ...]]] = field(factory=dict, init=False)
    _waiting: dict[str, _Polled] = field(factory=dict, init=False)

    def page(self, object_name: str, cursor_text: str | None, fields: Sequence[str]) -> RawPage:
        """One page of what is new since the cursor; what was told before is passed over.

        Each page is a query of its own from a position on, not a locator: locators die after two days, or when the
        user opens more than ten, and a dead one would begin the object again.

        Raises:
            SchemaDriftError: a field is not there any more; the next call describes the object anew.
        """
        self._resting.pop(object_name, None)
        asked = self._asked(object_name, cursor_text, fields)
        polled = self._poll(asked) if cursor_text is not None and asked.cursor.resume is None else None
        page = self._own(asked, polled)
        if not page.body and polled is not None:
            page = self._beside(evolve(asked, cursor=Cursor.read(page.cursor)), polled)
        if not page.more:
            self._resting[object_name] = (page.cursor, asked.fields)
        return page

    def forget(self) -> None:
        """Throw away answers that wait: something was written since."""
        self._waiting.clear()

    def _asked(self, object_name: str, cursor_text: str | None, fields: Sequence[str]) -> _Asked:
        schema = self.schemas.known(object_name)
        lookup = children.PARENTS[object_name] if children.RELATIONSHIP in fields else None
        cursor = Cursor.read(cursor_text) if cursor_text is not None else self._beginning(object_name, lookup)
        if lookup and cursor.children is None:  # the lens is new, or was put aside for a while
            cursor = evolve(cursor, children=self._beginning(object_name, lookup).children)
        text = cursor.text if cursor_text is None else cursor_text
        only = schema.only or self.asked.get(object_name, "")
        return _Asked(
            object=object_name, fields=tuple(fields), text=text, cursor=cursor, schema=schema, lookup=lookup, only=only
        )

    def _beginning(self, object_name: str, lookup: str | None) -> Cursor:
        """Where a first reading begins: of child rows, and of what people ask for, only what comes from now on."""
        cursor = Cursor(covered=self.now() - _LOG_LAGS)
        if object_name in self.asked:
            newest = self._newest(object_name)
            return evolve(cursor, at=newest, floor=newest, moved=self.now())
        if lookup is None:
            return cursor
        stamp, _ = self._newest(children.OBJECT)
        return evolve(cursor, children=Cursor(at=(stamp, ""), moved=self.now()))

    def _newest(self, object_name: str) -> Position:
        """The position after everything that is there; START where nothing is."""
        query = f"SELECT Id, SystemModstamp FROM {object_name} ORDER BY SystemModstamp DESC, Id DESC LIMIT 1"  # noqa: S608 - SOQL, of names of ours
        rows = self.transport.get("queryAll", q=query)["records"]
        return (rows[0]["SystemModstamp"], rows[0]["Id"]) if rows else START

    # --- asking -----------------------------------------------------------------------------------------------------

    def _poll(self, asked: _Asked) -> _Polled:
        """The answers for one object at rest; those for the others are asked for in the same call, and wait."""
        waiting = self._waiting.pop(asked.object, None)
        if waiting is not None and self._serves(waiting, asked):
            return waiting
        packed, queries = [asked], 1 + bool(asked.lookup)
        for name, (text, fields) in self._resting.items():
            beside = self._asked(name, text, fields)
            if name in self._waiting or queries + 1 + bool(beside.lookup) > QUERIES_A_CALL:
                continue
            packed.append(beside)
            queries += 1 + bool(beside.lookup)
        paths = {one.object: self._paths(one) for one in packed}
        answers = iter(self._gather([path for some in paths.values() for path in some.values()]))
        found = {name: {part: next(answers) for part in some} for name, some in paths.items()}
        for one in packed[1:]:
            if not isinstance(found[one.object]["own"], RemoteError):  # it will fail when it is asked for itself
                self._waiting[one.object] = self._polled(one, found[one.object])
        return self._polled(asked, found[asked.object])

    def _serves(self, waiting: _Polled, asked: _Asked) -> bool:
        same = (waiting.asked.text, waiting.asked.fields) == (asked.text, asked.fields)
        return same and timedelta(0) <= self.now() - waiting.at < _STALE

    def _paths(self, asked: _Asked) -> dict[str, str]:
        """`{part: path}` of what is asked for one object."""
        found = {"own": _path(asked.query(asked.cursor.first(self.overlap), POLLED))}
        if asked.lookup and asked.cursor.children is not None:
            position = asked.cursor.children.first(self.overlap)
            names = ", ".join(("Id", "SystemModstamp", "IsDeleted", asked.lookup, *children.COLUMNS))
            query = f"SELECT {names} FROM {children.OBJECT}{_after(position)} LIMIT {IDS_A_QUERY}"  # noqa: S608 - SOQL, of names of ours
            found["children"] = _path(query)
        since, until = asked.cursor.covered, self.now() - _LOG_LAGS
        if since is None or until - since > DELETIONS_EVERY:
            start = quote((since or until - DELETIONS_EVERY).isoformat(timespec="seconds"), safe="")
            end = quote(until.isoformat(timespec="seconds"), safe="")
            found["deleted"] = f"sobjects/{asked.object}/deleted?start={start}&end={end}"
        return found

    def _gather(self, paths: list[str]) -> list[Any]:
        if len(paths) > 1:
            return self.transport.together(paths)
        try:
            return [self.transport.get(paths[0])]
        except SchemaDriftError as error:
            return [error]

    def _polled(self, asked: _Asked, found: Mapping[str, Any]) -> _Polled:
        """Raises the decision where the object itself, or its child rows, could not be read."""
        for part in ("own", "children"):
            if isinstance(error := found.get(part), RemoteError):
                raise self._drift(asked, error)
        return _Polled(
            asked=asked,
            at=self.now(),
            own=found["own"],
            children=found.get("children"),
            deleted=found.get("deleted"),
        )

    def _drift(self, asked: _Asked, error: RemoteError) -> RemoteError:
        """A field that is gone is described anew; one of the child rows stands for all of them."""
        if not isinstance(error, SchemaDriftError):
            return error
        self.schemas.forget(asked.object)
        if asked.lookup and not set(error.fields) & set(asked.fields):
            self.schemas.forget(children.OBJECT)
            return SchemaDriftError(str(error), fields=(children.RELATIONSHIP,), code=error.code, status=error.status)
        return error

    # --- telling ----------------------------------------------------------------------------------------------------

    def _own(self, asked: _Asked, polled: _Polled | None) -> RawPage:
        """The next page with something new of the object's own rows; an empty one where there is nothing."""
        position, most = asked.cursor.first(self.overlap), PAGE
        body = None
        if polled is not None:
            body, most = polled.own, POLLED
        while True:
            body = body or self._read(asked, position)
            rows = body["records"]
            more = not body["done"] or len(rows) >= most
            fresh, changed = asked.cursor.news(rows)
            if fresh:
                after = asked.cursor.after(rows, more=more, overlap=self.overlap, now=self.now())
                beside = polled is not None and self._has_child_news(asked, polled)
                retold = changed or asked.lookup is not None
                meant = fresh if asked.object not in self.asked else list(filter(self._is_asked, fresh))
                return self._page(asked, body, meant, after, more=more or beside, retold=retold)
            if not more or not rows:
                return RawPage(body=b"", cursor=asked.cursor.rested(self.overlap, self.now()).text)
            position, body, most = (rows[-1]["SystemModstamp"], rows[-1]["Id"]), None, PAGE

    def _is_asked(self, row: Mapping[str, Any]) -> bool:
        """Whether a Task is a person's own: those that hang on an interaction are its mirror."""
        mirrored = str(self.schemas.known("Interaction__c").raw["keyPrefix"])
        return not str(row.get("WhatId") or "").startswith(mirrored)

    def _read(self, asked: _Asked, position: Position) -> Any:
        try:
            return self.transport.get(_path(asked.query(position, PAGE)))
        except SchemaDriftError as error:
            raise self._drift(asked, error) from error

    def _beside(self, asked: _Asked, polled: _Polled) -> RawPage:
        """What the object's own rows do not tell: child rows that changed, records that are gone for good."""
        if polled.children is not None and asked.cursor.children is not None:
            page = self._of_children(asked, asked.cursor.children, polled.children)
            if page.body or page.more:
                return page
            asked = evolve(asked, cursor=Cursor.read(page.cursor))
        if polled.deleted is not None:
            return self._purged(asked, polled.deleted)
        return RawPage(body=b"", cursor=asked.cursor.text)

    def _has_child_news(self, asked: _Asked, polled: _Polled) -> bool:
        known = asked.cursor.children
        return known is not None and polled.children is not None and bool(known.news(polled.children["records"])[0])

    def _of_children(self, asked: _Asked, cursor: Cursor, body: Any) -> RawPage:
        """The records whose child rows changed, as they are now: nothing moves their own stamp."""
        rows = body["records"]
        more = not body["done"] or len(rows) >= IDS_A_QUERY
        fresh, _ = cursor.news(rows)
        if fresh:
            after = cursor.after(rows, more=more, overlap=self.overlap, now=self.now())
        elif more:
            after = evolve(cursor, resume=(rows[-1]["SystemModstamp"], rows[-1]["Id"]))
        else:
            after = cursor.rested(self.overlap, self.now())
        moved = evolve(asked.cursor, children=after)
        owners = list(dict.fromkeys(owner for row in fresh if (owner := row.get(asked.lookup or ""))))
        if not owners:
            return RawPage(body=b"", cursor=moved.text, more=more)
        names = ", ".join(selected(asked.schema, asked.fields))
        query = f"SELECT {names} FROM {asked.object} WHERE Id IN ({listed(owners)})"  # noqa: S608 - SOQL, of names and ids the org gave
        told = self.transport.get(_path(query))
        found = list(self.transport.pages(told))
        return self._page(asked, {}, found, moved, more=more, retold=True)

    def _purged(self, asked: _Asked, deleted: Any) -> RawPage:
        """Deleted records that no query shows any more. A span that the log does not reach is passed over."""
        if isinstance(deleted, RemoteError):
            return RawPage(body=b"", cursor=evolve(asked.cursor, covered=self.now() - _LOG_LAGS).text)
        after = evolve(asked.cursor, covered=moment_of(deleted["latestDateCovered"]))
        told = deleted["deletedRecords"]
        seen = self.reads.fates(asked.object, [row["id"] for row in told]) if told else {}
        purged = [row for row in told if row["id"] not in seen]
        body = msgspec.json.encode({**deleted, "deletedRecords": purged}) if purged else b""
        return RawPage(body=body, cursor=after.text)

    def _page(
        self,
        asked: _Asked,
        body: Mapping[str, Any],
        rows: Sequence[Any],
        after: Cursor,
        *,
        more: bool,
        retold: bool,
    ) -> RawPage:
        """The rows that are news, as the org gave them."""
        headers = {MOMENTS_HEADER: ",".join(sorted(asked.schema.moments))}
        if retold:
            headers[RETOLD_HEADER] = self.now().isoformat()
        told = {**body, "totalSize": len(rows), "done": True, "records": rows}
        return RawPage(body=msgspec.json.encode(told) if rows else b"", cursor=after.text, more=more, headers=headers)


def _path(query: str) -> str:
    return f"queryAll?q={quote(query, safe='')}"


def _after(position: Position, only: str = "") -> str:
    stamp, remote_id = soql_moment(position[0]), position[1]
    conditions = [only] if only else []
    if position != START:
        conditions.append(f"SystemModstamp >= {stamp}")
        if remote_id:
            conditions.append(f"(SystemModstamp > {stamp} OR Id > '{remote_id}')")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"{where} ORDER BY SystemModstamp, Id"
