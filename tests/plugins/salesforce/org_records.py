"""Writes to make, pages to parse, and the simulated org's own count of calls."""

import atexit
from datetime import UTC, datetime
from functools import cache
from typing import Any

from crocevia import ParseContext, Raw, RawPage, Secret, Write
from crocevia_salesforce import Salesforce, Settings
from crocevia_salesforce.simulator import Simulator, running_simulator


def api_calls(org: Simulator, after: int = 0) -> list[str]:
    """Method and path below the version of the API calls made, logins and versions left out."""
    return [f"{call['method']} {call['path'].split('/v62.0/')[-1]}" for call in org.admin.calls(after) if call["api"]]


def last_call(org: Simulator) -> int:
    """Number of the last call, to count from."""
    return max((call["seq"] for call in org.admin.calls()), default=0)


def contact_write(number: int, **values: Any) -> Write:
    """An upsert of the contact number `number` by our key."""
    key = f"profile-{number:05d}"
    given = {"LastName": f"Rossi {number}", "Crocevia_Key__c": key, "Crocevia_Revision__c": 1, **values}
    return Write(object="Contact", operation="upsert", key=key, values=given)


def interaction_write(number: int, contact: str | None = None, **values: Any) -> Write:
    """An upsert of the interaction number `number` by our key."""
    key = f"interaction-{number:05d}"
    given = {"Body__c": f"message {number}", "Crocevia_Key__c": key, "Direction__c": "Inbound", **values}
    if contact:
        given["Contact__c"] = contact
    return Write(object="Interaction__c", operation="upsert", key=key, values=given)


def raw_page(page: RawPage, object_name: str = "Contact") -> Raw:
    """A page as the core journals it."""
    return Raw(
        connection="acme",
        kind="salesforce",
        body=page.body,
        received_at=datetime.now(UTC),
        headers=page.headers,
        source="page",
        stream=object_name,
    )


CONTEXT = ParseContext(now=datetime(2026, 11, 1, tzinfo=UTC))


@cache
def standing_connector() -> Salesforce:
    """A connector to an org that runs as long as the tests: lenses want its lengths when tests are collected."""
    running = running_simulator()
    org = running.__enter__()
    atexit.register(running.__exit__, None, None, None)
    return Salesforce(Settings(instance_url=org.url, client_id="crocevia", client_secret=Secret("simulated-secret")))
