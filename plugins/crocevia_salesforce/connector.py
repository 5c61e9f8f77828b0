"""Salesforce as a CRM."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from simple_salesforce.api import Salesforce as Client

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
    ReportsUsage,
    Usage,
    Write,
    WritesRecords,
)
from crocevia.mapping import ObjectMapping
from crocevia_salesforce import checks, children, forecast, mappings, package, parsing, tasks
from crocevia_salesforce.auth import Tokens
from crocevia_salesforce.bulk import Bulk
from crocevia_salesforce.changes import Changes
from crocevia_salesforce.finding import Finder
from crocevia_salesforce.merging import Merging
from crocevia_salesforce.mirror import Mirror
from crocevia_salesforce.reads import Reads
from crocevia_salesforce.schemas import Schemas, object_schema
from crocevia_salesforce.settings import Settings
from crocevia_salesforce.transport import Transport
from crocevia_salesforce.writes import Writes


class Salesforce(Connector[Settings], ReadsRecords, WritesRecords, MergesRecords, FindsKeys, ReportsUsage):
    """One Salesforce org: contacts and `Interaction__c`, both ways.

    1,000 records go in one call (a Composite of five Collections); changes come by polling SystemModstamp. What it
    takes of the org is in docs/connectors/salesforce.md.
    """

    kind = "salesforce"
    verified_against = "recording"
    leaf_paths = ("records.*", "deletedRecords.*")
    write_limit = 10_000

    def __init__(self, settings: Settings, **given: Any) -> None:
        super().__init__(settings, **given)
        self.finds_keys = settings.package
        self.idempotent_upsert = settings.package  # type: ignore[misc]  # without our key it is a plain create
        self._tokens = Tokens(settings, self.http, self.clock.now)
        self._transport = Transport(self.http, self._tokens, settings.api_version)
        self._schemas = Schemas(self._transport)
        overlap = timedelta(seconds=settings.overlap_s)
        self._reads = Reads(self._transport, self._schemas, self.clock.now)
        rule = settings.replies_from_tasks
        asked = {} if rule is None else {tasks.OBJECT: rule.condition}
        self._changes = Changes(self._transport, self._schemas, self._reads, overlap, self.clock.now, asked)
        self._finder = Finder(self._transport, self._schemas, settings.region, self.clock.now)
        self._writes = Writes(
            transport=self._transport,
            schemas=self._schemas,
            reads=self._reads,
            mappings=self.mappings(),
            key_field=settings.kept_key,
            bulk=Bulk(
                self._transport,
                self.clock.now,
                self.clock.monotonic_s,
                self.clock.wait,
                settings.key_field,
                settings.revision_field,
                settings.bulk_from,
            ),
            mirror=Mirror(self._schemas, self._reads) if settings.mirror == "task" else None,
            override_duplicates=settings.duplicate_rules == "override",
        )

    def usage(self) -> Usage | None:
        """Calls of the org's rolling day, everybody's, as the last answer showed them; None before the first."""
        return self._transport.usage

    def client(self) -> Client:
        """simple-salesforce's client, logged in, for what Crocevia has no word for. One a thread; its token ends."""
        return self._transport.client()

    def check(self) -> Iterable[Finding]:
        """Log in, and look at version, objects, permissions and our fields on them."""
        return checks.check(self._transport, self._tokens, self._schemas, self.mappings(), self.settings)

    def compare_package(self) -> Iterable[Finding]:
        """Hold the org against the package. Raises RemoteError: it cannot be asked."""
        return package.compare(self._schemas)

    def parse(self, raw: Raw, context: ParseContext) -> Iterable[Event]:
        """Read a page of changes: one event a row."""
        return parsing.parse(raw)

    def mappings(self) -> tuple[ObjectMapping, ...]:
        """Contact as profile, Interaction__c as interaction."""
        return mappings.mappings(self.settings)

    def describe(self, object_name: str) -> ObjectSchema:
        """The object's fields, asked anew. Raises SchemaDriftError where the user sees no such object."""
        schema = self._schemas.fresh(object_name)
        return object_schema(schema, (children.RELATIONSHIP,) if self._schemas.has_identities(object_name) else ())

    def changes(self, object_name: str, cursor: str | None, fields: Sequence[str]) -> RawPage:
        """One page by SystemModstamp, the recycle bin included; at rest one call for all objects that are polled."""
        return self._changes.page(object_name, cursor, fields)

    def fetch(self, object_name: str, ids: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Records by id, 2,000 a call."""
        return self._reads.fetch(object_name, ids, fields)

    def find(
        self, object_name: str, points: Sequence[ContactPoint], fields: Sequence[str]
    ) -> Mapping[ContactPoint, list[Record]]:
        """Live records by phone and e-mail, however a person wrote the number."""
        return self._finder.find(object_name, points, fields)

    def calls_of(self, records: int, *, looked_up: bool) -> int:
        """Composites of 1,000, or Bulk jobs of 10,000; customers by phone, 275 numbers a call."""
        return forecast.calls_of(records, self.write_limit, self.settings.bulk_from, looked_up=looked_up)

    def find_keys(self, object_name: str, keys: Sequence[str], fields: Sequence[str]) -> list[Record]:
        """Living records by our key, from the org's own tables, 1,000 a call; an org without the package has no key."""
        return self._finder.keyed(object_name, self.settings.key_field, keys, fields)

    def merge(self, object_name: str, survivor_id: str, loser_ids: Sequence[str]) -> None:
        """Merge customers' records into one, two a call, over the SOAP API, which alone can."""
        self._changes.forget()
        Merging(self._transport).merge(object_name, survivor_id, loser_ids)

    def underway(self, object_name: str) -> timedelta | None:
        """When to look again at the Bulk jobs of the object; None: none runs."""
        return self._writes.bulk.underway(object_name)

    def write(self, batch: Sequence[Write]) -> list[Outcome]:
        """Upsert by key, update and delete by id; contacts before what points to them."""
        self._changes.forget()
        return self._writes.write(batch)
