"""What every flow needs: the connections, where each thing is wanted, and the tools."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import Any

from attrs import define, evolve, field, frozen

from crocevia.clock import SYSTEM_CLOCK, SYSTEM_RANDOM, Clock
from crocevia.config.options import Options
from crocevia.connector import (
    Connector,
    FindsKeys,
    MergesRecords,
    ReadsRecords,
    ReportsUsage,
    SendsMessages,
    WritesRecords,
)
from crocevia.identity.rules import Rules
from crocevia.mapping.object import ObjectMapping
from crocevia.model import to_us
from crocevia.plugins import Dispatcher
from crocevia.store import Store
from crocevia.sync.gate import Gate
from crocevia.sync.governor import Governor


@define
class Live:
    """One connection of a running daemon.

    Attributes:
        mappings: What of its objects we map; fitted to `describe()` once the CRM has answered.
        fitted: Whether that has happened.
        quarantined: Remote fields that drifted, by object; not read or written until described anew.
        gate: Where every call to the vendor goes through; the lane sets one up.
        underway: Objects of which it works off a batch by itself, and when to ask whether it has, by the steady clock.
    """

    name: str
    connector: Connector[Any]
    options: Options = field(factory=Options)
    mappings: dict[str, ObjectMapping] = field(factory=dict)
    fitted: bool = False
    quarantined: dict[str, set[str]] = field(factory=dict)
    gate: Gate = field(factory=Gate, repr=False)
    underway: dict[str, float] = field(factory=dict)

    @property
    def kind(self) -> str:
        """The connector's kind."""
        return self.connector.kind

    @property
    def reads(self) -> bool:
        """Whether it is a CRM that can be read."""
        return isinstance(self.connector, ReadsRecords)

    @property
    def writes(self) -> bool:
        """Whether it is a CRM that may be written."""
        return isinstance(self.connector, WritesRecords) and self.options.writes

    @property
    def merges(self) -> bool:
        """Whether two records of one customer are merged there, as the settings wish."""
        return self.writes and self.options.merges and isinstance(self.connector, MergesRecords)

    @property
    def deletes(self) -> bool:
        """Whether a customer's record is deleted there when it was deleted elsewhere, as the settings wish."""
        return self.writes and self.options.deletes

    @property
    def keyed(self) -> FindsKeys | None:
        """The CRM as one that is searched by our key; None where it cannot be."""
        return self.connector if isinstance(self.connector, FindsKeys) and self.connector.finds_keys else None

    @cached_property
    def address_kinds(self) -> tuple[str, ...]:
        """The kinds of contact points that it can send to; none when it sends nothing."""
        return self.connector.address_kinds() if isinstance(self.connector, SendsMessages) else ()

    @property
    def sends(self) -> bool:
        """Whether replies can go out on it."""
        return isinstance(self.connector, SendsMessages)

    def mappings_of(self, of: str) -> list[ObjectMapping]:
        """The mappings that hold profiles (a CRM may keep them as several objects) or interactions."""
        return [mapping for mapping in self.mappings.values() if mapping.of == of]

    def mapping_of(self, of: str) -> ObjectMapping | None:
        """The mapping of which new records of profiles or interactions are made; None where there is none."""
        mine = self.mappings_of(of)
        named = [mapping for mapping in mine if of == "profile" and mapping.object == self.options.record_as]
        return next(iter(named or mine), None)


@frozen
class Target:
    """Where profiles or interactions are wanted."""

    connection: str
    object: str


@define
class World:
    """The connections and tools of one process.

    Attributes:
        lives: By connection name.
        listened: Hooks that somebody listens to; only those are announced.
        region: ISO country for phone numbers without a prefix.
        identity: What the settings say of identity, with blocked addresses in their normal form.
        lease_s: How long a worker's right to a lane lasts unless it is renewed.
        alone: Whether this process is known to be the only one on the store, so that leases of dead ones are void.
        governors: Of the budgets of calls, by account.
        wakes: Set to let a connection's lane of this process look at once; of lanes elsewhere, they come by and by.
    """

    store: Store
    dispatcher: Dispatcher
    lives: dict[str, Live] = field(factory=dict)
    region: str | None = None
    identity: Rules = field(factory=Rules)
    clock: Clock = SYSTEM_CLOCK
    random: random.Random = SYSTEM_RANDOM
    listened: frozenset[str] = frozenset()
    lease_s: float = 30.0
    alone: bool = False
    governors: dict[str, Governor] = field(factory=dict)
    wakes: dict[str, threading.Event] = field(factory=dict)

    def rouse(self, names: Iterable[str]) -> None:
        """Let these connections look at once: somebody waits for a reply. Records may wait: fewer calls."""
        for name in names:
            if name in self.wakes:
                self.wakes[name].set()

    def open_gate(self, live: Live) -> None:
        """Give a connection the gate of this process, with the budget of its account."""
        budget = live.options.budget
        account = live.name if budget.account is None else f"account {budget.account}"
        governor = self.governors.get(account)
        if governor is None:
            governor = self.governors[account] = Governor(self.store, self.clock, account, budget)
        if isinstance(live.connector, ReportsUsage):
            governor.gauges.append(live.connector.usage)
        live.gate = Gate(self.clock, self.random, governor, lambda: live.connector.http.calls)

    def now_us(self) -> int:
        """The wall clock in microseconds."""
        return to_us(self.clock.now())

    @property
    def ruled(self) -> bool:
        """Whether it takes a look at each customer to say where he deserves a record, and as what."""
        return self.dispatcher.has("crocevia_deserve_record") or any(
            live.options.records != "contacts" or len(live.mappings_of("profile")) > 1 for live in self.lives.values()
        )

    def targets(self, of: str) -> tuple[Target, ...]:
        """Every connection that should hold profiles (`"profile"`) or interactions (`"interaction"`)."""
        return tuple(
            Target(live.name, mapping.object)
            for live in self.lives.values()
            if live.writes and (mapping := live.mapping_of(of)) is not None
        )


def live(
    name: str, connector: Connector[Any], options: Options, mappings: Iterable[ObjectMapping] | None = None
) -> Live:
    """Make a connection live; without `mappings`, with the connector's own."""
    if mappings is None:
        mappings = connector.mappings() if isinstance(connector, ReadsRecords) else ()
    found = {mapping.object: mapping for mapping in mappings}
    if options.customers is not None:
        found = {key: evolve(mapping, customers=options.customers) for key, mapping in found.items()}
    return Live(name, connector, options, found)


def streams(connection: Live) -> Sequence[str]:
    """The objects of a CRM in the order to read them: profiles before the interactions that point to them."""
    return [mapping.object for mapping in sorted(connection.mappings.values(), key=lambda m: m.of != "profile")]
