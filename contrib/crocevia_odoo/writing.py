"""Writing records: Odoo's `load` takes a table of different records in one call, or refuses it row by row."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from crocevia import Outcome, Write, Written
from crocevia.errors import (
    ConflictError,
    DuplicateError,
    GoneError,
    RejectedError,
    RemoteError,
    RetryableError,
    SchemaDriftError,
)
from crocevia_odoo.reading import Reader
from crocevia_odoo.registry import MODULE, Registry
from crocevia_odoo.rows import CATEGORY, KEY, MESSAGE, PARTNER, TAGS, column
from crocevia_odoo.rpc import Rpc, is_transient

_NO_SUCH_ID = ".id"
# Odoo gives a new contact the language of whoever makes it (14.0, `res_partner.py`, `default_get`): ours says nothing.
_UNASKED: Mapping[str, Mapping[str, str]] = {PARTNER: {"lang": ""}}


@frozen
class _Item:
    """One write of a batch and its place in it; `cells` are its columns for `load`."""

    place: int
    write: Write
    cells: Mapping[str, str]


class Writer:
    """One batch of writes. Not shared: it collects the outcomes."""

    def __init__(self, rpc: Rpc, reader: Reader, registry: Registry) -> None:
        self._rpc = rpc
        self._reader = reader
        self._registry = registry
        self._connection = rpc.connection
        self._outcomes: dict[int, Outcome] = {}

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write all; one outcome per write, same order."""
        groups: defaultdict[tuple[str, str], list[tuple[int, Write]]] = defaultdict(list)
        for place, write in enumerate(batch):
            groups[write.object, write.operation].append((place, write))
        for (model, operation), items in groups.items():
            match operation:
                case "upsert":
                    self._upsert(model, items)
                case "update":
                    self._update(model, items)
                case _:
                    self._delete(model, items)
        for model in {model for model, operation in groups if operation != "delete"}:
            self._complete(model, batch)
        return [self._outcomes[place] for place in range(len(batch))]

    # --- create, update, delete -------------------------------------------------------------------------------------

    def _upsert(self, model: str, items: Sequence[tuple[int, Write]]) -> None:
        """Records whose key is there already are updated; the others are made, each with its key, at once."""
        held = self._registry.holders(model, [write.key for _, write in items])
        own = self._registry.keys(model, set(held.values()))
        new: list[tuple[int, Write]] = []
        there: list[tuple[int, Write]] = []
        for place, write in items:
            id_ = held.get(write.key)
            if id_ is None:
                new.append((place, write))
            elif own.get(id_, write.key) != write.key:
                what = f"{self._connection}: {model} of {write.key} was merged in Odoo into {id_}, another of ours"
                self._outcomes[place] = DuplicateError(what, candidates=[str(id_)])
            else:
                there.append((place, evolve(write, id=str(id_))))
        self._load(model, self._items(model, new, "id"))
        self._update(model, there)

    def _update(self, model: str, items: Sequence[tuple[int, Write]]) -> None:
        stamping = [(place, write) for place, write in items if not write.values.keys() - {KEY}]
        for place, write in stamping:  # nothing of Odoo's changes: `_complete` gives the key
            self._outcomes[place] = Written(id=str(write.id))
        changing = [(place, write) for place, write in items if write.values.keys() - {KEY}]
        self._load(model, self._items(model, changing, ".id"))

    def _delete(self, model: str, items: Sequence[tuple[int, Write]]) -> None:
        there = self._reader.existing(model, [int(write.id or 0) for _, write in items])
        left = [(place, write) for place, write in items if int(write.id or 0) in there]
        for place, write in items:
            self._outcomes[place] = Written(id=str(write.id))
        if not left:
            return
        try:
            self._rpc.call(model, "unlink", sorted({int(write.id or 0) for _, write in left}))
        except RejectedError as error:
            if len(left) == 1:
                place, write = left[0]
                what = f"{self._connection}: {model} {write.id} (ours: {write.key}) may not be deleted; look in Odoo"
                self._outcomes[place] = RejectedError(what, code=error.code)
                return
            for one in left:
                self._delete(model, [one])

    # --- tables -----------------------------------------------------------------------------------------------------

    def _items(self, model: str, items: Sequence[tuple[int, Write]], by: str) -> list[_Item]:
        """The writes as rows of a table, first column `by`; those that cannot be one have their outcome."""
        items = self._with_their_contact(model, items)
        tags = self._tags(write for _, write in items)
        rows = []
        for place, write in items:
            head = f"{MODULE}.{write.key}" if by == "id" else str(write.id)
            try:
                cells = self._cells(write, tags)
                if by == "id":  # nothing is cleared in what is made now; Odoo 14.0 would write "False" into a body
                    cells = {**_UNASKED.get(model, {}), **{name: cell for name, cell in cells.items() if cell}}
                rows.append(_Item(place, write, {by: head, **cells}))
            except RemoteError as error:
                self._outcomes[place] = error
        return rows

    def _cells(self, write: Write, tags: Mapping[str, int]) -> dict[str, str]:
        schema = self._reader.schema(write.object).fields
        named = self._named(write)
        if unknown := [name for name in write.values if name not in schema]:
            what = f"{named} has no {', '.join(unknown)}; mend the mapping or install its module"
            raise SchemaDriftError(what, fields=unknown)
        cells: dict[str, str] = {}
        for name, value in write.values.items():
            if name == KEY:
                continue
            try:
                header, cell = column(name, value, schema[name], tags)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                what = f"{named}: the value for {name} is no {schema[name].type}; mend the lens"
                raise RejectedError(what, code="value") from error
            cells[header] = cell
        return cells

    def _with_their_contact(self, model: str, items: Sequence[tuple[int, Write]]) -> Sequence[tuple[int, Write]]:
        """Without messages whose contact is gone: Odoo would take them, and nobody would see them."""
        wanted = {int(write.values["res_id"]) for _, write in items if write.values.get("res_id")}
        if model != MESSAGE or not wanted:
            return items
        there = self._reader.existing(PARTNER, wanted)
        left = []
        for place, write in items:
            contact = write.values.get("res_id")
            if contact and int(contact) not in there:
                what = f"{self._named(write)}: its contact {contact} is gone; what became of it is read first"
                self._outcomes[place] = ConflictError(what)
            else:
                left.append((place, write))
        return left

    def _tags(self, writes: Iterable[Write]) -> dict[str, int]:
        """`{name: id}` of the tags these writes name; new ones are made, once each however often it is tried."""
        names = sorted({name for write in writes for name in write.values.get(TAGS) or ()})
        if not names:
            return {}
        found: dict[str, int] = {}
        for row in self._reader.rows(CATEGORY, [], "name", names, ["name"]):
            found.setdefault(row["name"], row["id"])
        if missing := [name for name in names if name not in found]:
            rows = [[f"{MODULE}.tag_{name.encode().hex()}", name] for name in missing]
            ids = self._rpc.call(CATEGORY, "load", ["id", "name"], rows, context={"noupdate": True})["ids"]
            found.update(zip(missing, ids or (), strict=False))
        return found

    def _load(self, model: str, items: Sequence[_Item]) -> None:
        """Load the rows, a table for each set of columns; without the rows that are refused, until a table is taken."""
        tables: defaultdict[tuple[str, ...], list[_Item]] = defaultdict(list)
        for item in items:
            tables[tuple(item.cells)].append(item)
        for header, rows in tables.items():
            left = rows
            while left:
                cells = [list(item.cells.values()) for item in left]
                told = self._rpc.call(model, "load", list(header), cells, context={"noupdate": True})
                if told["ids"]:
                    for item, id_ in zip(left, told["ids"], strict=True):
                        self._outcomes[item.place] = Written(id=str(id_), created=header[0] == "id")
                    break
                refused = {at: message for message in told["messages"] if (at := _row(message, len(left))) is not None}
                if not refused:
                    what = f"{self._connection}: Odoo refused a table of {model} and names no row; its log says why"
                    raise RejectedError(what, code="load")
                for at, message in refused.items():
                    self._outcomes[left[at].place] = self._blame(left[at].write, message)
                left = [item for at, item in enumerate(left) if at not in refused]

    def _blame(self, write: Write, message: Mapping[str, Any]) -> RemoteError:
        """The outcome of a row that Odoo refuses. Its sentence may quote the customer: looked into, never shown."""
        said, field, named = str(message.get("message", "")), message.get("field"), self._named(write)
        if field == _NO_SUCH_ID:
            return GoneError(f"{named} is not there any more")
        if is_transient(said):
            return RetryableError(f"{named} was being changed by somebody else; again", code="serialization")
        if "AccessError" in said or "AccessDenied" in said:
            return RejectedError(f"{named}: this user may not write it; `crocevia check`", code="AccessError")
        about = f" (it names {field})" if field else ""
        what = f"{named}: Odoo refused the values{about}; make the same change there to read its reason, and replay"
        return RejectedError(what, code="load")

    def _named(self, write: Write) -> str:
        return f"{self._connection}: {write.object} {write.id or 'new'} (ours: {write.key})"

    # --- what became of them ----------------------------------------------------------------------------------------

    def _complete(self, model: str, batch: Sequence[Write]) -> None:
        """Give the written records their keys and the outcomes their versions; say what became of the missing."""
        done = {
            place: int(outcome.id)
            for place, outcome in self._outcomes.items()
            if isinstance(outcome, Written) and batch[place].object == model and batch[place].operation != "delete"
        }
        there = self._reader.versions(model, done.values())
        for place, id_ in done.items():
            if id_ not in there:
                self._outcomes[place] = GoneError(f"{self._named(batch[place])} is not there any more")
        keys = {id_: batch[place].key for place, id_ in done.items() if id_ in there and KEY in batch[place].values}
        if keys:
            self._registry.certify(model, keys)
        user = self._rpc.user_id()
        for place, id_ in done.items():
            outcome, (version, by) = self._outcomes[place], there.get(id_, ("", None))
            # Somebody who wrote after us made a version that we have not seen: it is not ours to name.
            if isinstance(outcome, Written) and by == user and batch[place].values.keys() - {KEY}:
                self._outcomes[place] = evolve(outcome, version=version)
        self._point_to_survivors(model, batch)

    def _point_to_survivors(self, model: str, batch: Sequence[Write]) -> None:
        gone = {
            int(batch[place].id or 0): place
            for place, outcome in self._outcomes.items()
            if isinstance(outcome, GoneError) and batch[place].object == model and batch[place].id
        }
        for id_, survivor in (self._registry.survivors(model, gone) if gone else {}).items():
            place = gone[id_]
            what = f"{self._named(batch[place])} was merged in Odoo into {survivor}"
            self._outcomes[place] = GoneError(what, survivor=str(survivor))


def _row(message: Any, count: int) -> int | None:
    """The row that an error of `load` is about; None: it is no error, or about none."""
    at = message.get("record") if isinstance(message, Mapping) and message.get("type") == "error" else None
    return at if isinstance(at, int) and 0 <= at < count else None
