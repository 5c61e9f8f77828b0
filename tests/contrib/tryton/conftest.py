"""One real Tryton server a worker; every test makes records of its own."""

from collections.abc import Callable, Iterator
from itertools import count

import pytest


from crocevia import Secret
from crocevia_tryton.connector import Settings, Tryton
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import TrytonServer, running_tryton


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """A server with a fresh database."""

    with running_tryton(tmp_path_factory.mktemp("tryton")) as running:
        yield running


@pytest.fixture(scope="session")
def person(server: TrytonServer) -> Rpc:
    """Somebody who works in Tryton."""
    return server.person()


@pytest.fixture
def tryton(server: TrytonServer) -> Tryton:
    """The connector on that server."""
    settings = Settings(
        base_url=server.url, database=server.database, user=server.user, password=Secret(server.password)
    )
    return Tryton(settings, connection="crm")


_numbers = count(1)


@pytest.fixture
def new() -> Callable[[str], str]:
    """Make a text that no other test of the session has: `new("key")`."""
    return lambda stem: f"{stem}-{next(_numbers)}"
