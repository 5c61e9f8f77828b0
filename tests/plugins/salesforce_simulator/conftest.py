"""A simulated org for the tests, and a client that says what came back."""

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from attrs import frozen

from crocevia_salesforce.simulator import Options, Simulator, running_simulator


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker that the honesty table is made of."""
    line = "behaviour(evidence, text): what the test shows of the org; evidence is recorded, documented or assumed"
    config.addinivalue_line("markers", line)


@frozen
class Api:
    """A client of one org with a session of its integration user."""

    sim: Simulator
    session: requests.Session
    version: str = "60.0"

    @classmethod
    def of(cls, sim: Simulator) -> "Api":
        """Log in with client credentials."""
        options = sim.org.options
        form = {
            "grant_type": "client_credentials",
            "client_id": options.client_id,
            "client_secret": options.client_secret,
        }
        token = requests.post(f"{sim.url}/services/oauth2/token", data=form, timeout=10).json()["access_token"]
        session = requests.Session()
        session.headers["Authorization"] = f"Bearer {token}"
        return cls(sim, session)

    def call(self, method: str, path: str, **more: Any) -> requests.Response:
        """Send a request; a path that begins with ``/services`` stands as it is."""
        base = self.sim.url if path.startswith("/services") else f"{self.sim.url}/services/data/v{self.version}/"
        return self.session.request(method, base + path, timeout=30, **more)

    def error(self, method: str, path: str, **more: Any) -> tuple[int, str, str]:
        """Send a request that is refused; return status, code and message."""
        answer = self.call(method, path, **more)
        body = answer.json()[0]
        return answer.status_code, body["errorCode"], body["message"]

    def create(self, object_name: str, **record: Any) -> str:
        """Create a record and return its id."""
        answer = self.call("POST", f"sobjects/{object_name}", json=record)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    def rows(self, method: str, path: str, object_name: str, records: list[dict[str, Any]], **more: Any) -> list[Any]:
        """Send a Collections request and return its results."""
        typed = [{"attributes": {"type": object_name}, **record} for record in records]
        answer = self.call(method, path, json={"records": typed, **more})
        assert answer.status_code == 200, answer.text
        return list(answer.json())

    def query(self, soql: str, **params: str) -> list[dict[str, Any]]:
        """Run a statement and return its records without their attributes."""
        answer = self.call("GET", "query", params={"q": soql, **params})
        assert answer.status_code == 200, answer.text
        return [{k: v for k, v in record.items() if k != "attributes"} for record in answer.json()["records"]]


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """An empty org in memory."""
    with running_simulator(Options(seed=7)) as running:
        yield running


@pytest.fixture
def api(sim: Simulator) -> Iterator[Api]:
    """A client of the empty org."""
    client = Api.of(sim)
    with client.session:
        yield client
