"""Reading records of one database: schemas, changes, deletions, look-ups."""

from __future__ import annotations

import json
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from attrs import frozen

from crocevia import ContactPoint, FieldSchema, ObjectSchema, RawPage, Record
from crocevia.errors import RejectedError, SchemaDriftError
from crocevia_odoo.feed import PAGE, Cursor, Known
from crocevia_odoo.numbers import pattern, says
from crocevia_odoo.registry import Registry, chunks
from crocevia_odoo.rows import (
    CATEGORY,
    KEY,
    MESSAGE,
    OWN_COMPANY,
    PARTNER,
    TAGS,
    instant,
    names_to_read,
    remote_values,
)
from crocevia_odoo.rpc import Rpc

# What a person writes or a customer mails in a contact's chatter; Odoo's own notices of changes are no interactions.
_SPOKEN: tuple[Any, ...] = (["model", "=", PARTNER], ["message_type", "in", ["comment", "email"]])
_DOMAINS: Mapping[str, tuple[Any, ...]] = {PARTNER: (), MESSAGE: _SPOKEN}
_ABOUT = ("type", "required", "readonly", "size", "selection")
_MOST = 1_000
_LOOKUP = 40


class Observer:
    """Names versions: a stamp in whole seconds, then when we looked, so that two changes in one second have an order.

    What was looked at later is never older, whoever looked: a page, a look-up, the answer to a write.
    """

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._last = 0
        self._lock = threading.Lock()

    def version(self, stamp: str) -> str:
        """The version of a row with this stamp that is being looked at now."""
        with self._lock:
            self._last = max(int(self._now().timestamp() * 1_000_000), self._last + 1)
            return f"{stamp} {self._last:017d}"


@frozen(kw_only=True)
class Seen:
    """One row as it was read."""

    id: int
    stamp: str
    version: str
    by: int | None
    values: Mapping[str, Any]

    def record(self, model: str) -> Record:
        """As a record of the core's."""
        return Record(object=model, id=str(self.id), values=self.values, version=self.version, at=instant(self.stamp))


class Reader:
    """Reads through one user's eyes; schemas are asked once."""

    def __init__(self, rpc: Rpc, registry: Registry, now: Callable[[], datetime]) -> None:
        self._rpc = rpc
        self._registry = registry
        self._now = now
        self._observer = Observer(now)
        self._schemas: dict[str, ObjectSchema] = {}
        self._own: frozenset[int] | None = None

    def schema(self, model: str) -> ObjectSchema:
        """The model's fields as this user may use them; see `Connector.describe`."""
        if model not in self._schemas:
            self._schemas[model] = self._described(model)
        return self._schemas[model]

    def _described(self, model: str) -> ObjectSchema:
        if model not in _DOMAINS:
            where = f"{self._rpc.connection}: no model {model!r} is read in Odoo"
            raise SchemaDriftError(f"{where}: map {PARTNER} or {MESSAGE}")
        found = self._rpc.call(model, "fields_get", [], list(_ABOUT))
        required = [name for name, about in found.items() if about.get("required")]
        filled = self._rpc.call(model, "default_get", required) if required else {}
        fields = {name: _field(name, about, filled) for name, about in found.items()}
        fields[KEY] = FieldSchema(name=KEY, type="char", unique=True)
        return ObjectSchema(name=model, fields=fields)

    # --- changes ----------------------------------------------------------------------------------------------------

    def changes(self, model: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """One page of changed rows and, behind the last of them, of deletions and merges."""
        at = Cursor.from_text(cursor)
        domain, order = at.rows.query()
        told = self._rows(model, [*_DOMAINS[model], *domain], self._names(model, fields), order=order, most=PAGE)
        rows, position, more = at.rows.page(told.result, veiled=model == MESSAGE)
        news = at.rows.news(rows)
        known, gone = at.known, list[dict[str, Any]]()
        if model == PARTNER:
            known = _with(known, [row["id"] for row in news])
            if not more:
                known, gone = self._deletions(known, told.at or self._now())
        shown = [
            {"id": seen.id, "write_date": seen.stamp, "version": seen.version, "by": seen.by, "values": seen.values}
            for seen in self._seen(model, news, fields)
        ]
        body = json.dumps({"object": model, "rows": shown, "gone": gone}, separators=(",", ":")).encode()
        after = Cursor(position.remember(news, told.at), known)
        return RawPage(body=body if shown or gone else b"", cursor=after.text, more=more)

    def _deletions(self, known: Known, now: datetime) -> tuple[Known, list[dict[str, Any]]]:
        """What is not there any more: Odoo keeps no trace of a deletion, but there are fewer contacts than we know."""
        if not known.count:
            return known, []
        count = self._rpc.call(PARTNER, "search_count", [["id", "<=", known.top]])
        if count == known.count:
            return known, []
        before = known.ids()
        missing = before - set(self._rpc.call(PARTNER, "search", [["id", "<=", known.top]]))
        for some in chunks(sorted(missing), _MOST):  # a second look: one list that came back short proves nothing
            missing -= set(self._rpc.call(PARTNER, "search", [["id", "in", list(some)]]))
        if not missing:
            return known, []
        into = self._registry.survivors(PARTNER, missing)
        gone = [{"id": id_, "into": into.get(id_), "at": now.isoformat()} for id_ in sorted(missing)]
        return Known.of(before - missing), gone

    # --- look-ups ---------------------------------------------------------------------------------------------------

    def fetch(self, model: str, ids: Iterable[str], fields: Sequence[str]) -> list[Record]:
        """Records by id, archived ones too; the missing are left out."""
        numbers = sorted({int(id_) for id_ in ids})
        rows = self.rows(model, [], "id", numbers, self._names(model, fields))
        return [seen.record(model) for seen in self._seen(model, rows, fields)]

    def keyed(self, model: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by our key; each record once."""
        held = self._registry.holders(model, keys)
        return self.fetch(model, {str(id_) for id_ in held.values()}, fields)

    def find(
        self, points: Sequence[ContactPoint], fields: Sequence[str], is_customer: Callable[[Mapping[str, Any]], bool]
    ) -> dict[ContactPoint, list[Record]]:
        """Active contacts by phone number and e-mail address, however a person wrote them."""
        names = ["phone", "mobile", "email_normalized"]
        holders: defaultdict[ContactPoint, set[int]] = defaultdict(set)
        for some in chunks([point for point in points if point.kind in ("phone", "email")], _LOOKUP):
            for row in self._rpc.search_read(PARTNER, ["&", ["active", "=", True], *_any(some)], names).result:
                for point in some:
                    if _holds(row, point):
                        holders[point].add(row["id"])
        records = {
            record.id: record
            for record in self.fetch(PARTNER, {str(id_) for ids in holders.values() for id_ in ids}, fields)
            if is_customer(record.values)
        }
        found = {
            point: [records[str(id_)] for id_ in sorted(ids) if str(id_) in records] for point, ids in holders.items()
        }
        return {point: some for point, some in found.items() if some}

    def versions(self, model: str, ids: Iterable[int]) -> dict[int, tuple[str, int | None]]:
        """`{id: (version, who wrote last)}` of the records that are there."""
        rows = self.rows(model, [], "id", sorted(set(ids)), ["write_date", "write_uid"])
        return {row["id"]: (self._observer.version(row["write_date"]), _by(row)) for row in rows}

    def existing(self, model: str, ids: Iterable[int]) -> set[int]:
        """Those of the ids that are there."""
        return {row["id"] for row in self.rows(model, [], "id", sorted(set(ids)), ["id"])}

    def rows(
        self, model: str, also: Sequence[Any], field: str, values: Sequence[Any], names: Sequence[str]
    ) -> list[dict[str, Any]]:
        """Rows whose `field` is one of `values`."""
        found: list[dict[str, Any]] = []
        for some in chunks(values, _MOST):
            found += self._rows(model, [*also, [field, "in", list(some)]], names).result
        return found

    # --- rows to values ---------------------------------------------------------------------------------------------

    def _seen(self, model: str, rows: Sequence[Mapping[str, Any]], fields: Sequence[str]) -> list[Seen]:
        if not rows:
            return []
        schema = self.schema(model).fields
        keys = self._registry.keys(model, [row["id"] for row in rows]) if KEY in fields else {}
        tagged = {id_ for row in rows for id_ in row.get(TAGS) or ()}
        tags = {row["id"]: row["name"] for row in self.rows(CATEGORY, [], "id", sorted(tagged), ["name"])}
        found = []
        for row in rows:
            values = remote_values(row, schema, tags)
            if KEY in fields:
                values[KEY] = keys.get(row["id"])
            if model == PARTNER:
                values[OWN_COMPANY] = row["id"] in self._own_companies()
            stamp = row["write_date"]
            version = self._observer.version(stamp)
            found.append(Seen(id=row["id"], stamp=stamp, version=version, by=_by(row), values=values))
        return found

    def _own_companies(self) -> frozenset[int]:
        """The contacts that are the addresses of the companies that run this Odoo."""
        if self._own is None:
            rows = self._rpc.search_read("res.company", [], ["partner_id"]).result
            self._own = frozenset(row["partner_id"][0] for row in rows)
        return self._own

    def _names(self, model: str, fields: Sequence[str]) -> list[str]:
        schema = self.schema(model).fields
        if unknown := [name for name in fields if name not in schema]:
            what = (
                f"{self._rpc.connection}: {model} has no {', '.join(unknown)}; mend the mapping or install its module"
            )
            raise SchemaDriftError(what, fields=unknown)
        return names_to_read(model, fields)

    def _rows(
        self, model: str, domain: Sequence[Any], names: Sequence[str], *, order: str = "id", most: int | None = None
    ) -> Any:
        try:
            return self._rpc.search_read(model, domain, names, order=order, most=most)
        except (SchemaDriftError, RejectedError):
            # A field went, or its module: described again, the next call can name it.
            self._schemas.pop(model, None)
            raise


def _with(known: Known, ids: Sequence[int]) -> Known:
    """With these ids as known."""
    return Known.of(known.ids() | set(ids)) if ids else known


def _by(row: Mapping[str, Any]) -> int | None:
    found = row.get("write_uid")
    return found[0] if found else None


def _field(name: str, about: Mapping[str, Any], filled: Mapping[str, Any]) -> FieldSchema:
    selection = about.get("selection")
    options = tuple(str(value) for value, _ in selection) if isinstance(selection, list) else None
    writable = not about.get("readonly")
    return FieldSchema(
        name=name,
        type=about["type"],
        length=about["size"] if isinstance(about.get("size"), int) else None,
        required=bool(about.get("required")) and not filled.get(name),
        createable=writable,
        updateable=writable,
        options=options,
    )


def _any(points: Sequence[ContactPoint]) -> list[Any]:
    """Odoo's domain of contacts that may hold one of these points; numbers are told apart by `_holds`."""
    terms: list[Any] = [
        [field, "=ilike", pattern(point.value)]
        for point in points
        if point.kind == "phone"
        for field in ("phone", "mobile")
    ]
    if mails := [point.value.lower() for point in points if point.kind == "email"]:
        terms.append(["email_normalized", "in", mails])
    return [*["|"] * (len(terms) - 1), *terms]


def _holds(row: Mapping[str, Any], point: ContactPoint) -> bool:
    if point.kind == "email":
        return bool(row["email_normalized"]) and row["email_normalized"].lower() == point.value.lower()
    return any(says(row[name], point.value) for name in ("phone", "mobile") if row[name])
