"""Servers that several modules of the lane share."""

from collections.abc import Iterator

import pytest

from crocevia_odoo.connector import Odoo
from crocevia_odoo.server import OdooServer, problem, running_odoo
from tests.peers.asterisk_office import Office, running_office
from tests.peers.asterisk_office import problem as no_asterisk
from tests.peers.odoo_office import Clerk, Wire, connector


@pytest.fixture(scope="session")
def odoo_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[OdooServer]:
    """One server for all tests; each tidies up before it starts."""
    if why := problem():
        pytest.skip(why)
    with running_odoo(tmp_path_factory.mktemp("odoo")) as running:
        yield running


@pytest.fixture
def clerk(odoo_server: OdooServer) -> Clerk:
    """Somebody who works in an Odoo without customers."""
    clerk = Clerk(odoo_server.person())
    clerk.tidy()
    return clerk


@pytest.fixture
def odoo_wire() -> Iterator[Wire]:
    """What the connector's calls go through."""
    with Wire() as session:
        yield session


@pytest.fixture
def odoo(odoo_server: OdooServer, clerk: Clerk, odoo_wire: Wire) -> Odoo:
    """The connector."""
    return connector(odoo_server, odoo_wire)


@pytest.fixture(scope="session")
def asterisk_office(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """A telephone exchange with its telephones, for all tests; none leaves a call behind."""
    if why := no_asterisk():
        pytest.skip(why)
    with running_office(tmp_path_factory.mktemp("asterisk")) as office:
        yield office
