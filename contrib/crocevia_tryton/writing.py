"""Writing records: few calls, one outcome a record, though Tryton takes or refuses a call as a whole."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import evolve, frozen

from crocevia import Outcome, Write, Written
from crocevia.errors import ConflictError, GoneError, RejectedError, RemoteError, SchemaDriftError
from crocevia_tryton.reading import KEYS, Reader
from crocevia_tryton.rows import CONTACTS, PARTY, contact_changes, to_tryton
from crocevia_tryton.rpc import InternalError, RefusedError, Rpc

# Refusals that one record of the call may be to blame for: the call is cut in halves until it is found.
_BLAMED = (RefusedError, ConflictError, SchemaDriftError, InternalError)


@frozen
class _Item:
    """One write of a batch and its place in it."""

    place: int
    write: Write

    @property
    def id(self) -> int:
        return int(self.write.id or 0)


class Writer:
    """One batch of writes. Not shared: it collects the outcomes."""

    def __init__(self, rpc: Rpc, reader: Reader) -> None:
        self._rpc = rpc
        self._reader = reader
        self._connection = rpc.connection
        self._outcomes: dict[int, Outcome] = {}

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Write all; one outcome per write, same order."""
        groups: defaultdict[tuple[str, str], list[_Item]] = defaultdict(list)
        for place, write in enumerate(batch):
            groups[write.object, write.operation].append(_Item(place, write))
        for (model, operation), items in groups.items():
            {"upsert": self._upsert, "update": self._update, "delete": self._delete}[operation](model, items)
        for model in {model for model, operation in groups if operation != "delete"}:
            self._read_versions(model, batch)
        return [self._outcomes[place] for place in range(len(batch))]

    def _upsert(self, model: str, items: list[_Item]) -> None:
        """Create; where that is refused, see which keys are there already and update those."""
        try:
            values = [self._values(item.write, []) | {KEYS[model]: item.write.key} for item in items]
            ids = self._rpc.call(f"model.{model}.create", values)
        except _BLAMED as error:
            known = self._reader.keyed(model, [item.write.key for item in items], [])
            there = [_with_id(item, known[item.write.key].id) for item in items if item.write.key in known]
            new = [item for item in items if item.write.key not in known]
            self._update(model, there)
            self._halves(model, new, error, self._upsert, whole=len(new) == len(items))
        else:
            for item, id_ in zip(items, ids, strict=True):
                self._outcomes[item.place] = Written(id=str(id_), created=True)

    def _update(self, model: str, items: list[_Item]) -> None:
        if not items:
            return
        try:
            contacts = self._contacts(items)
            arguments: list[Any] = []
            for item in items:
                arguments += [[item.id], self._values(item.write, contacts.get(item.id, []))]
            stamps = {f"{model},{item.id}": item.write.version for item in items if item.write.version}
            self._rpc.call(f"model.{model}.write", *arguments, context={"_timestamp": stamps})
        except _BLAMED as error:
            self._halves(model, items, error, self._update)
        else:
            for item in items:
                self._outcomes[item.place] = Written(id=str(item.id))

    def _delete(self, model: str, items: list[_Item]) -> None:
        if not items:
            return
        try:
            self._rpc.call(f"model.{model}.delete", [item.id for item in items])
        except _BLAMED as error:
            there = {record.id for record in self._reader.fetch(model, [str(item.id) for item in items], [])}
            left = [item for item in items if str(item.id) in there]
            for item in items:
                if item not in left:
                    self._outcomes[item.place] = Written(id=str(item.id))
            self._halves(model, left, error, self._delete, whole=len(left) == len(items))
        else:
            for item in items:
                self._outcomes[item.place] = Written(id=str(item.id))

    def _halves(
        self,
        model: str,
        items: list[_Item],
        error: RemoteError,
        again: Callable[[str, list[_Item]], None],
        *,
        whole: bool = True,
    ) -> None:
        """Try again with less: without what was settled meanwhile, else in halves, until one record is to blame."""
        if not whole or not items:
            if items:
                again(model, items)
        elif len(items) == 1:
            self._outcomes[items[0].place] = self._blame(model, items[0], error)
        else:
            middle = len(items) // 2
            again(model, items[:middle])
            again(model, items[middle:])

    def _blame(self, model: str, item: _Item, error: RemoteError) -> RemoteError:
        """The outcome of the one record that Tryton refuses."""
        write = item.write
        what = f"{self._connection}: {model} {write.id or 'new'} (ours: {write.key})"
        if write.id:
            names = ["active", "replaced_by"] if model == PARTY else []
            row = next(iter(self._reader.rows(model, "id", [item.id], names)), None)
            if row is None:
                return GoneError(f"{what} was deleted in Tryton", code=error.code)
            if survivor := row.get("replaced_by"):
                return _merged(what, survivor)
            if not row.get("active", True):  # Tryton lets nobody change what is archived
                return RejectedError(f"{what} is archived; activate it in Tryton and replay", code=error.code)
        if isinstance(error, RefusedError):
            return RejectedError(f"{what}: {error}{self._labels(model, error)}", code=error.code)
        if isinstance(error, InternalError) and error.missing is not None and error.missing in write.values:
            return SchemaDriftError(f"{what}: Tryton has no {error.missing}", fields=[error.missing], code=error.code)
        return error

    def _labels(self, model: str, error: RefusedError) -> str:
        """Names of our fields that Tryton's sentence quotes: they help, and are no one's data."""
        named = [name for name, label in self._reader.labels(model).items() if f'"{label}"' in error.said]
        return f" (it names {', '.join(named)})" if named else ""

    def _contacts(self, items: Sequence[_Item]) -> dict[int, list[Any]]:
        """Contact mechanisms as they are, of the parties whose set is written: `{party: rows}`."""
        parties = [item.id for item in items if CONTACTS in item.write.values]
        found: defaultdict[int, list[Any]] = defaultdict(list)
        names = ["party", "type", "value_compact", "active"]
        for row in self._reader.rows("party.contact_mechanism", "party", parties, names) if parties else ():
            found[row["party"]].append(row)
        return found

    def _values(self, write: Write, contacts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        schema, languages = self._reader.schema(write.object).fields, self._reader.languages()
        unknown = [name for name in write.values if name not in schema]
        if unknown:
            what = f"{self._connection}: {write.object} has no {', '.join(unknown)}; mend the mapping or the module"
            raise SchemaDriftError(what, fields=unknown)
        values: dict[str, Any] = {}
        for name, value in write.values.items():
            try:
                if name == CONTACTS:
                    values[name] = contact_changes(contacts, value or ())
                else:
                    values[name] = to_tryton(value, schema[name], languages)
            except (ArithmeticError, LookupError, TypeError, ValueError) as error:
                what = f"the value for {name} is no {schema[name].type}; mend the lens"
                raise RefusedError(what, said="", code="value") from error
        return values

    def _read_versions(self, model: str, batch: Sequence[Write]) -> None:
        """Complete the outcomes by what the records became: their version, or the record they were merged into."""
        written = {
            place: int(outcome.id)
            for place, outcome in self._outcomes.items()
            if isinstance(outcome, Written) and batch[place].object == model and batch[place].operation != "delete"
        }
        names = ["_timestamp", "write_uid", "create_uid", *(["replaced_by"] if model == PARTY else [])]
        rows = {row["id"]: row for row in self._reader.rows(model, "id", sorted({*written.values()}), names)}
        for place, id_ in written.items():
            outcome, row = self._outcomes[place], rows.get(id_, {})
            if survivor := row.get("replaced_by"):
                what = f"{self._connection}: {model} {id_} (ours: {batch[place].key})"
                self._outcomes[place] = _merged(what, survivor)
            elif isinstance(outcome, Written) and self._rpc.user_id == (row.get("write_uid") or row.get("create_uid")):
                # Somebody who wrote after us made a version that we have not seen: it is not ours to name.
                self._outcomes[place] = evolve(outcome, version=row["_timestamp"])


def _merged(what: str, survivor: int) -> GoneError:
    return GoneError(f"{what} was merged in Tryton into {survivor}", survivor=str(survivor))


def _with_id(item: _Item, id_: str) -> _Item:
    return evolve(item, write=evolve(item.write, id=id_))
