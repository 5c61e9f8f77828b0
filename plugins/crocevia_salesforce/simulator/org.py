"""One simulated org: schema, records, users, clock, rules, faults, ledger, and the saves on them."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from crocevia_salesforce.simulator.batches import Batches
from crocevia_salesforce.simulator.clock import Clock, stamp
from crocevia_salesforce.simulator.database import Database
from crocevia_salesforce.simulator.dml.deletes import CLEARED_TABLE, PURGED_TABLE
from crocevia_salesforce.simulator.dml.work import Actor, DuplicateHeader, Work
from crocevia_salesforce.simulator.faults import Faults
from crocevia_salesforce.simulator.ids import mint
from crocevia_salesforce.simulator.jobs import Jobs
from crocevia_salesforce.simulator.ledger import Ledger
from crocevia_salesforce.simulator.metadata import deploy, shipped_package
from crocevia_salesforce.simulator.options import Options
from crocevia_salesforce.simulator.rules import Rules
from crocevia_salesforce.simulator.schema import Schema, SObject
from crocevia_salesforce.simulator.sessions import Sessions
from crocevia_salesforce.simulator.soql.run import Runner
from crocevia_salesforce.simulator.standard import standard_describes
from crocevia_salesforce.simulator.usage import Usage


class Org:
    """Everything behind the HTTP surface. One lock serialises it: SQLite has one writer anyway."""

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.clock = Clock()
        self.schema = _schema(options)
        self.database = Database(options.store, self.schema)
        self.database.execute(CLEARED_TABLE)
        self.database.execute(PURGED_TABLE)
        self.org_id = mint("00D", 1)
        self.faults = Faults(options.seed)
        self.faults.replace(options.faults)
        self.usage = Usage(self.database, self.clock, options.daily_limit, options.seed)
        self.ledger = Ledger(self.database, options.ledger, options.connection)
        self.sessions = Sessions(self.database, self.clock, self.org_id, options.session_seconds)
        self.runner = Runner(self.database, self.clock)
        self.rules = Rules()
        self.visible = self.schema
        self.set_rules(options.rules)
        self._depth = 0
        self.integration_user, self.crm_user = self._people()
        self.jobs = Jobs(self)
        self.batches = Batches(self)

    def close(self) -> None:
        """Close the store and the ledger."""
        with self.lock:
            self.ledger.close()
            self.database.close()

    def set_rules(self, given: Mapping[str, Any]) -> None:
        """Put these rules in force.

        Raises:
            ValueError: They are not rules.
        """
        self.rules = Rules.of(given)
        self.visible = self.rules.visible(self.schema)

    @property
    def api_actor(self) -> Actor:
        """The integration user, through the API."""
        return Actor(self.integration_user, "api")

    @property
    def user_actor(self) -> Actor:
        """The CRM user, on the page."""
        return Actor(self.crm_user, "user")

    @contextmanager
    def saving(
        self, actor: Actor, duplicates: DuplicateHeader | None = None, lag: timedelta = timedelta()
    ) -> Iterator[Work]:
        """Open the frame of saves: one transaction, whose ledger lines are written when it has committed.

        Args:
            actor: Who saves.
            duplicates: The client's duplicate-rule header.
            lag: How long before its commit the transaction began, which is what its stamps show.
        """
        with self.lock:
            work = Work(
                self.database,
                self.ledger,
                self.visible if actor.by == "api" else self.schema,
                self.schema,
                self.rules,
                self.faults,
                actor,
                stamp(self.clock.now() - lag),
                duplicates or DuplicateHeader(),
            )
            outermost, self._depth = self._depth == 0, self._depth + 1
            try:
                with work.transaction():
                    yield work
                    if outermost:
                        self.ledger.store_pending()
            finally:
                self._depth -= 1
            if outermost:
                self.ledger.flush()

    def _people(self) -> tuple[str, str]:
        """Return the ids of the integration user and of the CRM user; made once, not noted in the ledger."""
        user, organization = self.schema.get("User"), self.schema.get("Organization")
        with self.database.transaction():
            if organization and not self.database.row(organization, self.org_id):
                self._seed(
                    organization,
                    self.org_id,
                    {"Name": "Crocevia Simulated Org", "Country": "IT", "OrganizationType": "Developer Edition"},
                )
            found = mint("005", 1), mint("005", 2)
            if user and not self.database.row(user, found[0]):
                people = (("Integration", "User", self.options.username), ("Carla", "Rossi", "carla.rossi@crm.example"))
                for record_id, (first, last, username) in zip(found, people, strict=True):
                    person = {"FirstName": first, "LastName": last, "Name": f"{first} {last}", "Username": username}
                    self._seed(user, record_id, {**person, "Email": username, "IsActive": 1, "UserType": "Standard"})
                    self.database.next_number("User")
        return found

    def _seed(self, sobject: SObject, record_id: str, row: Mapping[str, Any]) -> None:
        now = stamp(self.clock.now())
        system = {"Id": record_id, "CreatedDate": now, "LastModifiedDate": now, "SystemModstamp": now}
        known = {name: value for name, value in {**system, **row}.items() if sobject.field(name)}
        self.database.insert(sobject, known)


def _schema(options: Options) -> Schema:
    schema = Schema(standard_describes() if options.shipped_schema else [])
    for describe in options.describes:
        schema.add(SObject.of(describe))
    packages = (shipped_package(),) if options.packages is None else options.packages
    for package in packages:
        deploy(schema, package)
    return schema
