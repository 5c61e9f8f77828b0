"""The simulated neighbours over HTTP: the vendor's customers, and the CRM's user and administrator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import requests

_TIMEOUT_S = 10.0


class Door:
    """A neighbour at a URL on loopback.

    Raises (every method):
        requests.RequestException: it is not there, or refuses.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._session = requests.Session()
        self._session.trust_env = False  # loopback needs no proxy

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _call(self, method: str, path: str, **given: Any) -> requests.Response:
        answer = self._session.request(method, self.url + path, timeout=_TIMEOUT_S, allow_redirects=False, **given)
        if answer.status_code >= requests.codes.bad_request:
            raise requests.HTTPError(f"{method} {path}: {answer.status_code} {answer.text[:300]}", response=answer)
        return answer


class Vendor(Door):
    """The channel, as its customers use it."""

    def deed(self, address: str, what: str, body: Mapping[str, Any]) -> str:
        """Let the customer at an address do something; return the id of what it makes."""
        return str(self._call("POST", f"/admin/customers/{address}/{what}", json=dict(body)).json()["id"])

    def state(self) -> dict[str, Any]:
        """Counts: `undelivered`, `leaves_waiting`, `deliveries_due`, `idle`..."""
        found: dict[str, Any] = self._call("GET", "/admin/state").json()
        return found


class Org(Door):
    """The CRM: its user's pages, and questions that leave no trace."""

    def create(self, object_name: str, values: Mapping[str, str]) -> str:
        """Make a record as the CRM's user; return its id."""
        return str(self._call("POST", f"/_simulator/records/{object_name}", json=dict(values)).json()["ids"][0])

    def interactions(self, field: str, value: str) -> list[dict[str, Any]]:
        """Interaction records whose field has a value: `{"Id", "Contact__c", "Message_Id__c"}` each."""
        quoted = value.replace("\\", "\\\\").replace("'", "\\'")
        soql = f"SELECT Id, Contact__c, Message_Id__c FROM Interaction__c WHERE {field} = '{quoted}'"  # noqa: S608 - SOQL, quoted
        found: list[dict[str, Any]] = self._call("GET", "/_simulator/query", params={"q": soql}).json()["records"]
        return found

    def edit(self, contact: str, values: Mapping[str, str]) -> None:
        """Correct a contact on its page."""
        self._call("POST", f"/contacts/{contact}", data=dict(values))

    def answer(self, contact: str, text: str) -> str:
        """Answer a customer on the contact's page; return the id of the answer's record."""
        answer = self._call("POST", f"/contacts/{contact}/reply", data={"text": text})
        return answer.headers["Location"].rpartition("#")[2]

    def merge(self, contact: str, other: str) -> None:
        """Merge another contact into one, as the CRM's user."""
        self._call("POST", f"/_simulator/records/Contact/{contact}/merge", json={"losers": [other]})

    def key(self, interaction: str) -> str | None:
        """Our external id of an interaction record; None while it has none."""
        values: dict[str, Any] = self._call("GET", f"/_simulator/records/Interaction__c/{interaction}").json()
        return values.get("Crocevia_Key__c")

    def calls(self, after: int) -> list[dict[str, Any]]:
        """API calls after a sequence number, oldest first: `{"seq", "method", "path", "write", "api", ...}`."""
        found: list[dict[str, Any]] = self._call("GET", "/_simulator/ledger/calls", params={"after": str(after)}).json()
        return found

    def last_call(self) -> int:
        """Sequence number of the last call."""
        return int(self._call("GET", "/_simulator").json()["calls"])


class Daemon(Door):
    """Crocevia itself, as its operator looks at it."""

    def is_ready(self) -> bool:
        """Whether it takes and carries on what comes."""
        try:
            return self._session.get(self.url + "/readyz", timeout=_TIMEOUT_S).ok
        except requests.RequestException:
            return False

    def figures(self) -> dict[str, float] | None:
        """Its metrics by name and labels, as Prometheus writes them; None while it does not answer."""
        try:
            text = self._call("GET", "/metrics").text
        except requests.RequestException:
            return None
        lines = [line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}
