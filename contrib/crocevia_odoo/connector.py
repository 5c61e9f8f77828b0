"""Odoo as a CRM: contacts, and what is said in their chatter, both ways."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar

from attrs import frozen

from crocevia import (
    Connector,
    ContactPoint,
    Event,
    Finding,
    FindsKeys,
    MergesRecords,
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
from crocevia.errors import GoneError, MalformedError, RejectedError, RemoteError
from crocevia.mapping import ObjectMapping
from crocevia_odoo import lenses
from crocevia_odoo.reading import Reader
from crocevia_odoo.registry import Registry
from crocevia_odoo.rows import CATEGORY, MESSAGE, PARTNER, instant
from crocevia_odoo.rpc import Rpc
from crocevia_odoo.writing import Writer

_WRONG_SHAPE = (AttributeError, KeyError, TypeError, ValueError)
_MERGE = "base.partner.merge.automatic.wizard"
_RIGHTS = {
    PARTNER: ("read", "write", "create"),
    MESSAGE: ("read", "write", "create"),
    CATEGORY: ("read", "create"),
    "ir.model.data": ("read", "create"),
}


@frozen
class Settings:
    """One database on one Odoo server, seen and written as one user.

    Attributes:
        base_url: The server without the database: `"https://odoo.example.com"`.
        database: Name of the database.
        user: Login; a user of its own makes Crocevia's changes recognisable in Odoo.
        password: Its password or an API key of its own, from the environment, a file or the keyring.
    """

    base_url: str
    database: str
    user: str
    password: Secret


class Odoo(Connector[Settings], ReadsRecords, WritesRecords, FindsKeys, MergesRecords):
    """Odoo 14 over JSON-RPC. Nothing is installed in it: our keys are external ids.

    Source: https://www.odoo.com/documentation/14.0/developer/misc/api/odoo.html and Odoo 14.0, read and run 2026-11.
    """

    kind: ClassVar[str] = "odoo"
    verified_against = "real server"
    leaf_paths: ClassVar[tuple[str, ...]] = ("rows.*", "gone.*")
    write_limit: ClassVar[int] = 200
    idempotent_upsert: ClassVar[bool] = True
    conditional_write: ClassVar[bool] = False

    def __init__(self, settings: Settings, **core: Any) -> None:
        super().__init__(settings, **core)
        self._rpc = Rpc(self.http, database=settings.database, user=settings.user, password=settings.password)
        self._registry = Registry(self._rpc)
        self._reader = Reader(self._rpc, self._registry, self.clock.now)

    def check(self) -> Iterator[Finding]:
        """Server, login, rights, each on its own line; the first problem ends the list."""
        try:
            series = self._rpc.version()
            if series == "14.0":
                yield Finding(level="ok", what=f"Odoo {series}")
            else:
                yield Finding(level="warning", what=f"Odoo {series}", do="the connector is tested with Odoo 14.0")
            self._rpc.user_id()
            yield Finding(level="ok", what=f"login of {self.settings.user}")
            if not self._rpc.call("ir.model", "search_count", [["model", "=", MESSAGE]]):
                yield Finding(
                    level="problem", what="module mail", do="install Discuss (mail) in Odoo: it keeps the chatter"
                )
                return
            yield from self._check_rights()
            [user] = self._rpc.call("res.users", "read", [self._rpc.user_id()], ["email"])
            if not user["email"]:
                do = f"give {self.settings.user} one in Odoo: its wizard needs it to merge contacts"
                yield Finding(level="warning", what=f"e-mail address of {self.settings.user}", do=do)
        except RemoteError as error:
            yield Finding(level="problem", what=self.settings.base_url, do=str(error))

    def _check_rights(self) -> Iterator[Finding]:
        for model, rights in _RIGHTS.items():
            missing = [
                right
                for right in rights
                if not self._rpc.call(model, "check_access_rights", right, raise_exception=False)
            ]
            if missing:
                do = f"give {self.settings.user} the right to {', '.join(missing)} {model}: in Odoo, Settings > Users"
                yield Finding(level="problem", what=f"rights on {model}", do=do)
            else:
                yield Finding(level="ok", what=f"rights on {model}")

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """`res.partner` are profiles, `mail.message` in their chatter interactions."""
        return lenses.mappings()

    def describe(self, object_name: str) -> ObjectSchema:
        """The model's fields and our key; asked once per start of the daemon, and when a field has gone."""
        return self._reader.schema(object_name)

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """Up to 500 rows in the order of their last change; then, of contacts, deletions and merges."""
        return self._reader.changes(object_name, cursor, fields)

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by id, archived ones too."""
        return self._reader.fetch(object_name, ids, fields)

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """Active customers by phone number and e-mail address."""
        return self._reader.find(points, fields, lenses.is_customer) if object_name == PARTNER else {}

    def find_keys(self, object_name: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by our key, archived ones too; of a merged one, the survivor."""
        return self._reader.keyed(object_name, keys, fields)

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """A `load` for each set of fields; then one call for the versions, and two for the keys of new records."""
        return Writer(self._rpc, self._reader, self._registry).write(batch)

    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        """By Odoo's own wizard, which moves whatever refers to the losers; one at a time, as it takes three at most."""
        for loser in loser_ids:
            pair = [int(loser), int(survivor_id)]
            named = f"{self.connection}: {object_name} {loser} into {survivor_id}"
            if missing := set(pair) - self._reader.existing(object_name, pair):
                raise GoneError(f"{named}: {', '.join(str(id_) for id_ in sorted(missing))} is not there any more")
            values = {"partner_ids": [[6, 0, pair]], "dst_partner_id": pair[1], "state": "selection"}
            try:
                wizard = self._rpc.call(_MERGE, "create", values)
                self._rpc.call(_MERGE, "action_merge", [wizard])
            except RejectedError as error:
                do = "only an administrator may merge contacts with different e-mail addresses: merge them in Odoo"
                raise RejectedError(f"{named}: refused; {do}", code=error.code) from error

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """A page of `changes`: rows of the model, then contacts that are gone."""
        page = raw.json()
        if not isinstance(page, dict) or not isinstance(page.get("object"), str):
            raise MalformedError(f"{raw.connection}: not a page of Odoo's changes: it names no object")
        for read, name in ((_changed, "rows"), (_gone, "gone")):
            rows = page.get(name, [])
            if not isinstance(rows, list):
                raise MalformedError(f"{raw.connection}: not a page of Odoo's changes: {name} is no list")
            for place, row in enumerate(rows):
                leaf = f"/{name}/{place}"
                try:
                    event: Event = read(page["object"], row, leaf)
                except _WRONG_SHAPE:
                    event = Unrecognised(what=f"a row of {page['object']} in {name} of another shape", leaf=leaf)
                yield event


def _changed(model: str, row: Mapping[str, Any], leaf: str) -> Event:
    by = row.get("by")
    return RecordChanged(
        object=model,
        id=str(int(row["id"])),
        values=dict(row["values"]),
        at=instant(row["write_date"]),
        version=row["version"],
        by=None if by is None else str(by),
        leaf=leaf,
    )


def _gone(model: str, row: Mapping[str, Any], leaf: str) -> Event:
    id_ = str(int(row["id"]))
    at = datetime.fromisoformat(row["at"])
    if row.get("into") is not None:
        return RecordMerged(object=model, id=id_, into=str(int(row["into"])), at=at, leaf=leaf)
    return RecordDeleted(object=model, id=id_, at=at, leaf=leaf)
