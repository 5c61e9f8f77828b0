"""Reading records of one database: schemas, changes, look-ups."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from crocevia import ContactPoint, FieldSchema, ObjectSchema, RawPage, Record
from crocevia.errors import SchemaDriftError
from crocevia_tryton.feed import ORDER, PAGE, Cursor, Position
from crocevia_tryton.rows import DELETION, INTERACTION, PARTY, PHONE_TYPES, instant, names_to_read, remote_values
from crocevia_tryton.rpc import InternalError, Rpc

KEYS = {PARTY: "crocevia_key", INTERACTION: "key"}
# Archived and merged records are seen too: our key may be on one.
_EVERYTHING = {"active_test": False}
_LOOKUP = 200


class Reader:
    """Reads through one user's eyes; schemas and languages are asked once."""

    def __init__(self, rpc: Rpc) -> None:
        self._rpc = rpc
        self._schemas: dict[str, ObjectSchema] = {}
        self._labels: dict[str, dict[str, str]] = {}
        self._languages: dict[str, int] = {}

    def schema(self, object_name: str) -> ObjectSchema:
        """The model's fields as this user may use them; see `Connector.describe`."""
        if object_name not in self._schemas:
            self._schemas[object_name] = self._described(object_name)
        return self._schemas[object_name]

    def _described(self, model: str) -> ObjectSchema:
        try:
            found = self._rpc.call(f"model.{model}.fields_get", None, 0)
            required = [name for name, about in found.items() if about["required"]]
            defaults = self._rpc.call(f"model.{model}.default_get", required, False)
        except InternalError as error:
            if error.missing != model:
                raise
            where = f"{self._rpc.connection}: Tryton has no model {model!r}"
            what = f"{where}: activate its module with `trytond-admin -u crocevia`, then `crocevia check`"
            raise SchemaDriftError(what, code=error.code) from error
        self._labels[model] = {name: about["string"] for name, about in found.items()}
        # A party's code comes from a sequence, which is no default.
        filled = {*defaults, "code"} if model == PARTY else {*defaults}
        return ObjectSchema(name=model, fields={name: _field(name, about, filled) for name, about in found.items()})

    def labels(self, model: str) -> Mapping[str, str]:
        """`{field: label}` as Tryton's sentences name fields."""
        self.schema(model)
        return self._labels[model]

    def languages(self) -> Mapping[str, int]:
        """`{code: id}` of the languages Tryton knows."""
        if not self._languages:
            rows = self._rpc.call("model.ir.lang.search_read", [], 0, None, None, ["code"], context=_EVERYTHING)
            self._languages = {row["code"]: row["id"] for row in rows}
        return self._languages

    def changes(self, model: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """One page of changed rows and, behind the last of them, of deletions."""
        at = Cursor.from_text(cursor)
        if cursor is None:
            at = Cursor(at.rows, self._newest_deletion(model))
        rows = self._page(model, at.rows, [], self._names(model, fields))
        more = len(rows) == PAGE
        deletions = at.deletions
        gone: list[Any] = []
        if not more:
            of_model = [["model", "=", model]]
            gone = self._page(DELETION, at.deletions, of_model, ["record", "_timestamp", "last_modified_at"])
            deletions = at.deletions.after(gone, more=len(gone) == PAGE)
        body = {
            "object": model,
            "rows": at.rows.news(rows),
            "deletions": at.deletions.news(gone),
        }
        after = Cursor(at.rows.after(rows, more=more), deletions)
        empty = not body["rows"] and not body["deletions"]
        text = b"" if empty else json.dumps(body, separators=(",", ":")).encode()
        return RawPage(body=text, cursor=after.text, more=more or len(gone) == PAGE)

    def _newest_deletion(self, model: str) -> Position:
        names = ["_timestamp", "last_modified_at"]
        order = [[name, "DESC"] for name, _ in ORDER]
        rows = self._rpc.call(f"model.{DELETION}.search_read", [["model", "=", model]], 0, 1, order, names)
        return Position().after(rows, more=False)

    def _page(self, model: str, position: Position, also: list[Any], names: list[str]) -> list[Any]:
        domain = [*also, position.domain()] if position.domain() else also
        return self._search(model, domain, names, most=PAGE, order=ORDER)

    def fetch(self, model: str, ids: Iterable[str], fields: Sequence[str]) -> list[Record]:
        """Records by id; the missing are left out."""
        numbers = [int(id_) for id_ in ids]
        return [_record(model, row) for row in self.rows(model, "id", numbers, self._names(model, fields))]

    def keyed(self, model: str, keys: Iterable[str], fields: Sequence[str]) -> dict[str, Record]:
        """Records by our key."""
        key = KEYS[model]
        rows = self.rows(model, key, list(keys), self._names(model, [key, *fields]))
        return {row[key]: _record(model, row) for row in rows}

    def rows(self, model: str, field: str, values: Sequence[Any], names: Sequence[str]) -> list[Any]:
        """Rows whose `field` is one of `values`, archived ones too, in as few calls as the server's limit allows."""
        found: list[Any] = []
        for some in _chunks(values, 1_000):
            found += self._search(model, [[field, "in", some]], names)
        return found

    def _search(
        self, model: str, domain: list[Any], names: Sequence[str], *, most: int | None = None, order: Sequence[Any] = ()
    ) -> list[Any]:
        try:
            found = self._rpc.call(f"model.{model}.search_read", domain, 0, most, order, names, context=_EVERYTHING)
        except InternalError as error:
            if error.missing is None or error.missing not in names:
                raise
            what = f"{self._rpc.connection}: {model} has no {error.missing}; mend the mapping or activate its module"
            raise SchemaDriftError(what, fields=[error.missing], code=error.code) from error
        return list(found)

    def find(
        self, model: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> dict[ContactPoint, list[Record]]:
        """Active parties by phone and e-mail; numbers are compared in E.164, addresses without regard to case."""
        if model != PARTY:
            return {}
        holders = self._holders([point for point in points if point.kind in ("phone", "email")])
        wanted = {str(party) for parties in holders.values() for party in parties}
        records = {record.id: record for record in self.fetch(model, sorted(wanted), fields)}
        found: dict[ContactPoint, list[Record]] = {}
        for point in points:
            ids = sorted(holders.get((point.kind, point.value.casefold()), ()))
            held = [records[str(id_)] for id_ in ids if str(id_) in records]
            if active := [record for record in held if record.values["active"]]:
                found[point] = active
        return found

    def _holders(self, points: Sequence[ContactPoint]) -> dict[tuple[str, str], set[int]]:
        holders: defaultdict[tuple[str, str], set[int]] = defaultdict(set)
        for some in _chunks(list(points), _LOOKUP):
            phones = [point.value for point in some if point.kind == "phone"]
            mails: list[Any] = [["value", "ilike", _literally(point.value)] for point in some if point.kind == "email"]
            domain = ["OR", [["type", "in", PHONE_TYPES], ["value_compact", "in", phones]]]
            if mails:
                domain.append([["type", "=", "email"], ["OR", *mails]])
            names = ["type", "value_compact", "party"]
            for row in self._rpc.call("model.party.contact_mechanism.search_read", domain, 0, None, [], names):
                kind = "email" if row["type"] == "email" else "phone"
                holders[kind, row["value_compact"].casefold()].add(row["party"])
        return holders

    def _names(self, model: str, fields: Iterable[str]) -> list[str]:
        return names_to_read(model, fields, self.schema(model).fields)


def _field(name: str, about: Mapping[str, Any], filled: set[str]) -> FieldSchema:
    selection = about.get("selection")
    options = tuple(str(key) for key, _ in selection if key) if isinstance(selection, list) else None
    return FieldSchema(
        name=name,
        type=about["type"],
        length=about["size"] if isinstance(about.get("size"), int) else None,
        required=about["required"] and name not in filled,
        createable=not about["readonly"],
        updateable=not about["readonly"],
        unique=name in KEYS.values(),
        options=options,
    )


def _record(model: str, row: Mapping[str, Any]) -> Record:
    at = instant(row["last_modified_at"])
    return Record(object=model, id=str(row["id"]), values=remote_values(row), version=row["_timestamp"], at=at)


def _literally(text: str) -> str:
    """A text without meaning for SQL's `like`."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _chunks(items: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    return (items[start : start + size] for start in range(0, len(items), size))
