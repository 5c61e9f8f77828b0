"""One connection plugged into the core, with a CRM in memory behind it: the whole road, without a network."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from attrs import define, field

from crocevia import Connector, Raw
from crocevia.config.options import Options
from crocevia.identity import match, normalise
from crocevia.plugins import load_plugins
from crocevia.store import Store, books, journal, open_store
from crocevia.sync.lane import Lane
from crocevia.sync.world import World, live
from crocevia.testing import FakeClock, MemoryCRM


@define(eq=False)
class Hub:
    """One store, the connection under test (`road`) and a CRM in memory."""

    store: Store
    clock: FakeClock
    connector: Connector[Any]
    crm: MemoryCRM = field(init=False)
    world: World = field(init=False)
    lanes: list[Lane] = field(init=False)

    def __attrs_post_init__(self) -> None:
        self.crm = MemoryCRM(clock=self.clock)
        plugins = load_plugins(entry_points=(), builtin=(match, normalise))
        self.world = World(self.store, plugins.dispatcher, clock=self.clock, region="IT", alone=True)
        self.world.lives["road"] = live("road", self.connector, Options())
        self.world.lives["crm"] = live("crm", self.crm.connector("crm"), Options())
        self.lanes = [Lane(self.world, found, "test") for found in self.world.lives.values()]

    def post(self, *bodies: bytes, query: str = "") -> None:
        """Keep webhooks as the daemon does after it has verified them."""
        headers = {":query": query} if query else {}
        now = self.clock.now()
        kind = self.connector.kind
        journal.commit(
            self.store,
            [Raw(connection="road", kind=kind, body=body, received_at=now, headers=headers) for body in bodies],
        )

    def settle(self) -> None:
        """Every lane, until all is told; the books balance."""
        for _ in range(3):
            for lane in self.lanes:
                lane.poll_now()
                while lane.turn() == 0:
                    pass
            self.clock.advance(31)
        with self.store.reading() as connection:
            assert books.read(connection, "road").balanced

    def rows(self, table: sa.Table, **equal: Any) -> list[dict[str, Any]]:
        """Rows of a table, by id."""
        statement = sa.select(table).where(*(table.c[name] == value for name, value in equal.items()))
        with self.store.reading() as connection:
            return list(map(dict, connection.execute(statement.order_by(table.c.id)).mappings()))

    def touches(self) -> list[tuple[Any, ...]]:
        """`(direction, text, status)` of the CRM's Touches."""
        found = self.crm.records("Touch").values()
        return sorted((row["direction"], row["text"], row["status"]) for row in found)


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated store without rows, to be copied."""
    path = tmp_path_factory.mktemp("road") / "empty.db"
    open_store(f"sqlite:///{path}").close()
    return path


@pytest.fixture
def hub(empty_store: Path, tmp_path: Path) -> Iterator[Callable[[Connector[Any]], Hub]]:
    """Makes a core with a connector plugged in."""
    shutil.copy(empty_store, tmp_path / "store.db")
    store = Store(f"sqlite:///{tmp_path / 'store.db'}")
    yield lambda connector: Hub(store, connector.clock, connector)  # type: ignore[arg-type]  # tests give a FakeClock
    store.close()
