"""Tryton as a CRM: parties, their contact mechanisms, and interactions both ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar

from attrs import frozen

from crocevia import (
    Connector,
    ContactPoint,
    Event,
    Finding,
    FindsKeys,
    ObjectSchema,
    Outcome,
    ParseContext,
    Raw,
    RawPage,
    ReadsRecords,
    Record,
    RecordChanged,
    RecordDeleted,
    RecordMerged,
    Secret,
    Unrecognised,
    Write,
    WritesRecords,
)
from crocevia.errors import MalformedError, RemoteError, SchemaDriftError
from crocevia.mapping import ObjectMapping
from crocevia_tryton import lenses
from crocevia_tryton.reading import KEYS, Reader
from crocevia_tryton.rows import DELETION, INTERACTION, PARTY, instant, remote_values
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.writing import Writer

_WRONG_SHAPE = (AttributeError, KeyError, TypeError, ValueError)


@frozen
class Settings:
    """One database on one Tryton server, seen and written as one user.

    Attributes:
        base_url: The server without the database: `"https://tryton.example.com"`.
        database: Name of the database.
        user: Login; a user of its own makes Crocevia's changes recognisable in Tryton.
        password: Its password, from the environment, a file or the keyring.
    """

    base_url: str
    database: str
    user: str
    password: Secret


class Tryton(Connector[Settings], ReadsRecords, WritesRecords, FindsKeys):
    """Tryton 8 over JSON-RPC, with the module `crocevia` of `crocevia_tryton.tryton_module` activated.

    Source: https://docs.tryton.org/8.0/server/ and trytond 8.2, read and run 2026-11.
    """

    kind: ClassVar[str] = "tryton"
    verified_against = "real server"
    leaf_paths: ClassVar[tuple[str, ...]] = ("rows.*", "deletions.*")
    write_limit: ClassVar[int] = 500
    idempotent_upsert: ClassVar[bool] = True
    conditional_write: ClassVar[bool] = True

    def __init__(self, settings: Settings, **core: Any) -> None:
        super().__init__(settings, **core)
        self._rpc = Rpc(self.http, database=settings.database, user=settings.user, password=settings.password)
        self._reader = Reader(self._rpc)

    def check(self) -> Iterator[Finding]:
        """Server, login, module and rights, each on its own line; the first problem ends the list."""
        try:
            series = self._rpc.version()
            if series.startswith("8."):
                yield Finding(level="ok", what=f"Tryton {series}")
            else:
                yield Finding(level="warning", what=f"Tryton {series}", do="the connector is tested with Tryton 8")
            self._reader.languages()
            yield Finding(level="ok", what=f"login of {self.settings.user}")
            for model in KEYS:
                self._reader.schema(model)
            yield Finding(level="ok", what="module crocevia")
            yield from self._check_rights()
        except SchemaDriftError as error:
            yield Finding(level="problem", what="module crocevia", do=str(error))
        except RemoteError as error:
            yield Finding(level="problem", what=self.settings.base_url, do=str(error))

    def _check_rights(self) -> Iterator[Finding]:
        needed = {PARTY: ("read", "write", "create"), INTERACTION: ("read", "write", "create"), DELETION: ("read",)}
        granted = self._rpc.call("model.ir.model.access.get_access", list(needed))
        for model, rights in needed.items():
            if missing := [right for right in rights if not granted[model][right]]:
                do = f"give {self.settings.user} the right to {', '.join(missing)} {model} in Tryton"
                yield Finding(level="problem", what=f"rights on {model}", do=do)
            else:
                yield Finding(level="ok", what=f"rights on {model}")

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """Parties are profiles, `crocevia.interaction` holds interactions."""
        return lenses.mappings()

    def describe(self, object_name: str) -> ObjectSchema:
        """The model's fields; asked once per start of the daemon."""
        return self._reader.schema(object_name)

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """Up to 500 rows in the order of their last change; a contact mechanism's change counts as its party's."""
        return self._reader.changes(object_name, cursor, fields)

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by id, archived ones too."""
        return self._reader.fetch(object_name, ids, fields)

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """Active parties by phone number and e-mail address."""
        return self._reader.find(object_name, points, fields)

    def find_keys(self, object_name: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by our key, archived ones too; of a merged one, the survivor, which has taken the key over."""
        return list(self._reader.keyed(object_name, keys, fields).values())

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """One call to create, one to write, one to read the new versions; more only where Tryton refuses something."""
        return Writer(self._rpc, self._reader).write(batch)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """A page of `changes`: rows of the model, then of the log of deletions."""
        page = raw.json()
        if not isinstance(page, dict) or not isinstance(page.get("object"), str):
            raise MalformedError(f"{raw.connection}: not a page of Tryton's changes: it names no object")
        for read, name in ((_changed, "rows"), (_deleted, "deletions")):
            rows = page.get(name, [])
            if not isinstance(rows, list):
                raise MalformedError(f"{raw.connection}: not a page of Tryton's changes: {name} is no list")
            for place, row in enumerate(rows):
                leaf = f"/{name}/{place}"
                try:
                    event: Event = read(page["object"], row, leaf)
                except _WRONG_SHAPE:
                    event = Unrecognised(what=f"a row of {page['object']} in {name} of another shape", leaf=leaf)
                yield event


def _changed(model: str, row: Mapping[str, Any], leaf: str) -> Event:
    id_, at = str(int(row["id"])), instant(row["last_modified_at"])
    if survivor := row.get("replaced_by"):
        return RecordMerged(object=model, id=id_, into=str(survivor), at=at, leaf=leaf)
    by = row.get("write_uid") or row.get("create_uid")
    return RecordChanged(
        object=model,
        id=id_,
        values=remote_values(row),
        at=at,
        version=row["_timestamp"],
        by=None if by is None else str(by),
        leaf=leaf,
    )


def _deleted(model: str, row: Mapping[str, Any], leaf: str) -> Event:
    return RecordDeleted(object=model, id=str(int(row["record"])), at=instant(row["last_modified_at"]), leaf=leaf)
