"""An org of its own for each test, over real HTTP, and the connector logged in to it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from crocevia import Secret
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Simulator, running_simulator

Connect = Callable[..., Salesforce]


@pytest.fixture
def org() -> Iterator[Simulator]:
    """A simulated org with the package deployed."""
    with running_simulator() as simulator:
        yield simulator


@pytest.fixture
def connect(org: Simulator) -> Connect:
    """Make a connector to the org; keywords are settings, `clock` the connector's clock."""

    def make(clock: Any = None, **settings: Any) -> Salesforce:
        known = {"instance_url": org.url, "client_id": "crocevia", "client_secret": Secret("simulated-secret")}
        more = {"clock": clock} if clock else {}
        return Salesforce(Settings(**{**known, **settings}), connection="acme", **more)

    return make


@pytest.fixture
def salesforce(connect: Connect) -> Salesforce:
    """The connector, as most tests want it."""
    return connect()
