"""One real Tryton server a worker; every test makes records of its own."""

import json
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import requests

from crocevia import Http, Secret
from crocevia_tryton.connector import Settings, Tryton
from crocevia_tryton.rpc import Rpc
from crocevia_tryton.server import TrytonServer, running_tryton


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What needs a server belongs to the lane of real ones."""
    for item in items:
        needs = "server" in getattr(item, "fixturenames", ()) or item.path.name == "test_server.py"
        if item.path.parent == Path(__file__).parent and needs:
            item.add_marker(pytest.mark.peers)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrytonServer]:
    """A server with a fresh database."""
    if find_spec("trytond") is None:  # importing it would set this process's time zone
        pytest.skip("trytond is not installed: pip install trytond trytond-party")
    with running_tryton(tmp_path_factory.mktemp("tryton")) as running:
        yield running


@pytest.fixture(scope="session")
def person(server: TrytonServer) -> Rpc:
    """Somebody who works in Tryton."""
    return server.person()


class Wire(requests.Session):
    """A session that keeps what it sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[requests.PreparedRequest] = []

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """Keep the request and send it."""
        self.sent.append(request)
        return super().send(request, **kwargs)

    @property
    def methods(self) -> list[str]:
        """The methods called, in order."""
        return [json.loads(request.body or b"")["method"] for request in self.sent]


@pytest.fixture
def wire() -> Iterator[Wire]:
    """What a connector's calls go through."""
    with Wire() as session:
        yield session


@pytest.fixture(scope="session")
def shared(server: TrytonServer) -> Iterator[tuple[Tryton, Wire]]:
    """One login for all tests of the session."""
    settings = Settings(
        base_url=server.url, database=server.database, user=server.user, password=Secret(server.password)
    )
    with Wire() as session:
        yield Tryton(settings, connection="crm", http=Http("crm", new_session=lambda: session)), session


@pytest.fixture
def tryton(shared: tuple[Tryton, Wire]) -> Tryton:
    """The connector on the session's server."""
    return shared[0]


@pytest.fixture
def tryton_wire(shared: tuple[Tryton, Wire]) -> Wire:
    """What its calls go through."""
    shared[1].sent.clear()
    return shared[1]


_numbers = count(1)


@pytest.fixture
def new() -> Callable[[str], str]:
    """Make a text that no other test of the session has: `new("key")`."""
    return lambda stem: f"{stem}-{next(_numbers)}"
