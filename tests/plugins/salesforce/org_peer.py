"""Salesforce's side of its connector: the simulated org, asked without a network."""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, ClassVar
from urllib.parse import urlencode

from crocevia.testing import Answered, Asked, CRMPeer, FakeClock
from crocevia_salesforce import changes
from crocevia_salesforce.simulator.administration import Administration
from crocevia_salesforce.simulator.dispatch import respond, split
from crocevia_salesforce.simulator.dml import saves
from crocevia_salesforce.simulator.http import Call
from crocevia_salesforce.simulator.options import Options
from crocevia_salesforce.simulator.org import Org

_HIDDEN = {"Contact": "Language__c", "Interaction__c": "Subject__c"}
_LIMIT = [{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": "TotalRequests Limit exceeded."}]


class OrgPeer(CRMPeer):
    """An org with the package, whose pages are small and whose commits may be half a minute late."""

    latest_commit = timedelta(seconds=30)
    waits = timedelta(minutes=15)
    troubles: ClassVar = {"throttled": Answered(status=403, json=_LIMIT)}

    def __init__(self, settings: Any, clock: FakeClock) -> None:
        super().__init__(settings, clock)
        self.org = Org(Options(client_id=settings.client_id, client_secret=settings.client_secret.reveal()))
        self.admin = Administration(self.org)
        self._locked_out = False
        self._pages = changes.PAGE, changes.POLLED
        changes.PAGE = changes.POLLED = 3  # its pages hold 2,000: too many to fill in a test

    def close(self) -> None:
        """Close its database, and give the pages their size again."""
        changes.PAGE, changes.POLLED = self._pages
        self.org.close()

    def serve(self, asked: Asked) -> Answered:
        """As the org answers."""
        if self._locked_out and asked.path.startswith("/services/oauth2"):
            return Answered(status=400, json={"error": "invalid_client", "error_description": "invalid client"})
        path, params = split(asked.path + ("?" + urlencode(asked.query) if asked.query else ""))
        base = self.settings.instance_url
        self._on_time()
        answer = respond(self.org, Call(asked.method, path, "", params, asked.headers, asked.body, base)).answer
        headers = {**answer.headers, "Content-Type": answer.content_type}
        return Answered(status=answer.status, body=answer.payload(), headers=headers)

    def fail_next(self, trouble: Any) -> None:
        """Credentials that are refused are refused at the login; a session that ended is only renewed."""
        if trouble == "unauthorised":
            self._locked_out = True
            self.admin.expire_sessions()
        else:
            super().fail_next(trouble)

    def record(self, object_name: str, number: int) -> Mapping[str, Any]:
        """A contact, or something that was said."""
        if object_name == "Interaction__c":
            at = f"2026-11-0{number}T09:00:00.000Z"
            return {"Body__c": f"said {number}", "Direction__c": "Inbound", "Kind__c": "message", "Occurred_At__c": at}
        mail, phone = f"ada{number}@example.org", f"+3933312345{number:02}"
        return {"FirstName": "Ada", "LastName": f"Rossi {number}", "Email": mail, "MobilePhone": phone}

    def refused(self, object_name: str) -> Mapping[str, Any]:
        """An address that is none, a text that is too long."""
        if object_name == "Interaction__c":
            return {"Body__c": "x", "Kind__c": "x" * 500}
        return {"LastName": "Rossi", "Email": "not an address"}

    def holds(self, object_name: str) -> Sequence[str]:
        """By a query of its own."""
        return [row["Id"] for row in self.admin.query(f"SELECT Id FROM {object_name}")]

    def seed(self, stream: str, count: int, *, late_by: timedelta = timedelta(0)) -> Sequence[str]:
        """Records that a person makes."""
        self._on_time()
        first = len(self.holds(stream)) + 1
        sobject = self.org.schema.get(stream)
        assert sobject is not None
        with self.org.saving(self.org.user_actor, lag=late_by) as work:
            return [saves.create(work, sobject, self.record(stream, first + number)) for number in range(count)]

    def delete(self, object_name: str, id: str) -> None:
        """Into the recycle bin."""
        self._on_time()
        self.admin.delete(object_name, id)

    def merge(self, object_name: str, id: str, into: str) -> None:
        """As the page for duplicates does."""
        self._on_time()
        self.admin.merge(object_name, into, id)

    def forget_field(self, object_name: str) -> str:
        """Field-level security takes it away."""
        lost = _HIDDEN[object_name]
        self.admin.set_rules({"hidden": [f"{object_name}.{lost}"]})
        return lost

    def _on_time(self) -> None:
        self.admin.set_clock(self.clock.now())
