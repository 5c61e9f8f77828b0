"""Figures for Prometheus, read from the books whenever somebody asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import sqlalchemy as sa
from attrs import asdict
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy.engine import Connection

from crocevia.errors import StoreError
from crocevia.store import books, connections
from crocevia.store.tables import commands, journal
from crocevia.sync.world import World
from crocevia.web.ingress import Ingress
from crocevia.web.visitors import Visitors

_US = 1_000_000


def registry(world: World, ingress: Ingress, visitors: Visitors) -> CollectorRegistry:
    """A registry of its own for one application."""
    made = CollectorRegistry()
    made.register(_Figures(world, ingress, visitors))
    return made


class _Figures(Collector):
    def __init__(self, world: World, ingress: Ingress, visitors: Visitors) -> None:
        self._world = world
        self._ingress = ingress
        self._visitors = visitors

    def describe(self) -> Iterable[Metric]:
        """Nothing: asked at registration, when the store need not answer yet."""
        return ()

    def collect(self) -> Iterator[Metric]:
        yield self._webhooks()
        yield from self._chats()
        yield self._hooks()
        store_up = GaugeMetricFamily("crocevia_store_up", "Whether the store could be read for this answer.")
        try:
            with self._world.store.reading() as connection:
                found = list(self._connections(connection))
        except StoreError:
            store_up.add_metric([], 0)
        else:
            store_up.add_metric([], 1)
            yield from found
        yield store_up

    def _webhooks(self) -> Metric:
        told = CounterMetricFamily(
            "crocevia_webhooks", "Webhook requests by HTTP status of the answer.", labels=["connection", "status"]
        )
        for (name, status), count in self._ingress.counts.copy().items():
            told.add_metric([name, str(status)], count)
        return told

    def _chats(self) -> Iterator[Metric]:
        told = CounterMetricFamily(
            "crocevia_visitor_calls", "Calls of visitors by HTTP status of the answer.", labels=["connection", "status"]
        )
        for (name, status), count in self._visitors.counts.copy().items():
            told.add_metric([name, str(status)], count)
        yield told
        yield GaugeMetricFamily(
            "crocevia_visitors_waiting", "Visitors who wait for news.", value=len(self._visitors.waiting)
        )

    def _hooks(self) -> Metric:
        told = CounterMetricFamily(
            "crocevia_hook_failures", "Hook calls of plugins that failed.", labels=["plugin", "hook", "error"]
        )
        for labels, count in self._world.dispatcher.failures.counts().items():
            told.add_metric(labels, count)
        return told

    def _connections(self, connection: Connection) -> Iterator[Metric]:
        leaves = GaugeMetricFamily(
            "crocevia_leaves", "Leaves of raw input by what became of them.", labels=["connection", "term"]
        )
        wanted = GaugeMetricFamily(
            "crocevia_wanted",
            "Records and commands wanted on a connection by state.",
            labels=["connection", "what", "term"],
        )
        balanced = GaugeMetricFamily("crocevia_balanced", "Whether the books balance.", labels=["connection"])
        up = GaugeMetricFamily("crocevia_up", "Whether the connection runs.", labels=["connection"])
        lag = GaugeMetricFamily(
            "crocevia_lag_seconds",
            "Age of the oldest raw not parsed (in) and of the oldest command not carried out (out).",
            labels=["connection", "direction"],
        )
        open_ = GaugeMetricFamily(
            "crocevia_breaker_open",
            "Operations that are left alone but for a probe.",
            labels=["connection", "operation"],
        )
        deferred = GaugeMetricFamily(
            "crocevia_deferred", "What waits for the budget of calls.", labels=["connection", "urgency"]
        )
        calls = GaugeMetricFamily(
            "crocevia_budget_calls", "Calls of the account's budget, as last kept.", labels=["connection", "term"]
        )
        for name in sorted(self._world.lives):
            health = connections.read(connection, name)
            for operation in health.flow.get("breakers", ()):
                open_.add_metric([name, operation], 1)
            for urgency in ("interactive", "live", "backfill"):
                deferred.add_metric([name, urgency], urgency in health.flow.get("deferred", ()))
            for term in ("limit", "allowance", "used", "left"):
                if "budget" in health.flow:
                    calls.add_metric([name, term], health.flow["budget"][term])
            found = books.read(connection, name)
            for term, count in asdict(found.incoming).items():
                leaves.add_metric([name, term], count)
            for what, outgoing in (("records", found.records), ("commands", found.commands)):
                for term, count in asdict(outgoing).items():
                    wanted.add_metric([name, what, term], count)
            balanced.add_metric([name], found.balanced)
            up.add_metric([name], health.state == connections.RUNNING)
            for direction, seconds in lag_s(connection, name, self._world.now_us()).items():
                lag.add_metric([name, direction], seconds)
        yield from (leaves, wanted, balanced, up, lag, open_, deferred, calls)


def lag_s(connection: Connection, name: str, now_us: int) -> dict[str, float]:
    """How far behind a connection is: `{"in": seconds, "out": seconds}`, 0 when nothing waits."""
    oldest_in = sa.select(sa.func.min(journal.c.received_at)).where(journal.c.connection == name, sa.text("state = 0"))
    oldest_out = sa.select(sa.func.min(commands.c.created_at)).where(
        commands.c.connection == name, sa.text("state IN ('pending', 'claimed')")
    )
    return {
        direction: max(0.0, (now_us - since) / _US) if since is not None else 0.0
        for direction, since in (
            ("in", connection.execute(oldest_in).scalar()),
            ("out", connection.execute(oldest_out).scalar()),
        )
    }
