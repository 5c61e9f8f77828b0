"""``/_simulator``: what ``Administration`` does, over HTTP, for whoever runs the org as a process of its own."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import attrs

from crocevia_salesforce.simulator.administration import Administration
from crocevia_salesforce.simulator.api import root
from crocevia_salesforce.simulator.clock import parse_moment, stamp
from crocevia_salesforce.simulator.errors import ApiError, not_found, refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.ledger import CALLS, MUTATIONS
from crocevia_salesforce.simulator.org import Org

_PAGE = 10_000
_CONVERT = {"status", "account_id", "contact_id", "opportunity"}


@root.add("GET", "/_simulator", is_open=True)
def about(org: Org, call: Call) -> Answer:
    """Say whose org this is and how to get in."""
    return Answer(
        body={
            "connection": org.options.connection,
            "org_id": org.org_id,
            "url": call.base_url,
            "integration_user": org.integration_user,
            "crm_user": org.crm_user,
            "username": org.options.username,
            "client_id": org.options.client_id,
            "now": stamp(org.clock.now()),
            "calls": org.ledger.count(CALLS),
            "mutations": org.ledger.count(MUTATIONS),
            "used": org.usage.used(),
            "faults": org.faults.fired(),
        },
    )


@root.add("GET", "/_simulator/ledger/{kind}", is_open=True)
def ledger(org: Org, call: Call, kind: str) -> Answer:
    """Return ledger lines, ``calls`` or ``mutations``; ``?after=`` a seq, ``?limit=``."""
    if kind not in {CALLS, MUTATIONS}:
        raise not_found()
    limit = min(call.number("limit", _PAGE), _PAGE)
    return Answer(body=list(org.ledger.lines(kind, call.number("after", 0), limit)))


@root.add("GET", "/_simulator/faults", is_open=True)
def faults(org: Org, call: Call) -> Answer:
    """Return the fault rules and how often each fired."""
    del call
    return Answer(body=org.faults.fired())


@root.add("PUT", "/_simulator/faults", is_open=True)
@root.add("POST", "/_simulator/faults", is_open=True)
def plan_faults(org: Org, call: Call) -> Answer:
    """PUT a list of rules in the place of all others; POST adds one."""
    given = call.json()
    try:
        if call.method == "PUT":
            org.faults.replace(given)
        else:
            org.faults.add(given)
    except (TypeError, ValueError, AttributeError, re.error) as error:
        raise refuse(400, "INVALID_INPUT", str(error)) from error
    return Answer(body=org.faults.fired())


@root.add("PUT", "/_simulator/rules", is_open=True)
def rules(org: Org, call: Call) -> Answer:
    """Put validation rules, flows, duplicate rules and field-level security in force."""
    try:
        org.set_rules(call.object())
    except (TypeError, ValueError, AttributeError, ApiError) as error:
        raise refuse(400, "INVALID_INPUT", str(error)) from error
    return Answer(204)


@root.add("PUT", "/_simulator/clock", is_open=True)
def clock(org: Org, call: Call) -> Answer:
    """Set the clock: ``{"at": dateTime}`` stops it there, ``advance_seconds`` moves it, ``"run": true`` lets it go."""
    given = call.object()
    try:
        if "at" in given:
            org.clock.set(parse_moment(given["at"]))
        org.clock.advance(timedelta(seconds=float(given.get("advance_seconds", 0))))
    except (TypeError, ValueError, OverflowError) as error:
        raise refuse(400, "INVALID_INPUT", f"not a time of the clock: {error}") from error
    if given.get("run"):
        org.clock.run()
    return Answer(body={"now": stamp(org.clock.now()), "stopped": org.clock.is_stopped})


@root.add("POST", "/_simulator/sessions/expire", is_open=True)
def expire(org: Org, call: Call) -> Answer:
    """End all access tokens."""
    del call
    org.sessions.end()
    return Answer(204)


@root.add("GET", "/_simulator/query", is_open=True)
def query(org: Org, call: Call) -> Answer:
    """Run SOQL with the whole schema in view, without a session and without a trace in the ledger."""
    page = org.runner.query(org.schema, call.params.get("q", ""), "60.0", all_rows="all" in call.params)
    return Answer(body={"totalSize": page.total, "records": page.records})


@root.add("POST", "/_simulator/records/{name}", is_open=True)
def create(org: Org, call: Call, name: str) -> Answer:
    """Create one record, or a list of them, as the CRM user."""
    given = call.json()
    if not isinstance(given, dict) and not (isinstance(given, list) and all(isinstance(one, dict) for one in given)):
        raise refuse(400, "INVALID_INPUT", "a record or a list of records is wanted")
    return Answer(201, {"ids": Administration(org).create(_object(org, name), given)})


@root.add("GET", "/_simulator/records/{name}/{record_id}", is_open=True)
def read(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Read a record, deleted or not."""
    del call
    found = Administration(org).record(_object(org, name), record_id)
    if found is None:
        raise not_found()
    return Answer(body=found)


@root.add("PATCH", "/_simulator/records/{name}/{record_id}", is_open=True)
def update(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Change a record as the CRM user."""
    Administration(org).update(_object(org, name), record_id, call.object())
    return Answer(204)


@root.add("DELETE", "/_simulator/records/{name}/{record_id}", is_open=True)
def delete(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Delete a record as the CRM user; ``?purge`` takes it out of the recycle bin, too."""
    admin = Administration(org)
    admin.delete(_object(org, name), record_id)
    if "purge" in call.params:
        admin.purge(name, record_id)
    return Answer(204)


@root.add("POST", "/_simulator/records/{name}/{record_id}/undelete", is_open=True)
def undelete(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Take a record out of the recycle bin."""
    del call
    Administration(org).undelete(_object(org, name), record_id)
    return Answer(204)


@root.add("POST", "/_simulator/records/{name}/{record_id}/merge", is_open=True)
def merge(org: Org, call: Call, name: str, record_id: str) -> Answer:
    """Merge ``{"losers": [ids]}`` into a record."""
    losers: Any = call.object().get("losers") or []
    if not isinstance(losers, list) or not all(isinstance(loser, str) for loser in losers):
        raise refuse(400, "INVALID_INPUT", "losers is a list of ids")
    return Answer(body={"moved": Administration(org).merge(_object(org, name), record_id, *losers)})


@root.add("POST", "/_simulator/records/Lead/{record_id}/convert", is_open=True)
def convert(org: Org, call: Call, record_id: str) -> Answer:
    """Convert a lead."""
    given = call.object() if call.body else {}
    if not set(given) <= _CONVERT or not all(isinstance(value, str) for value in given.values()):
        raise refuse(400, "INVALID_INPUT", f"a conversion takes texts: {', '.join(sorted(_CONVERT))}")
    made = Administration(org).convert_lead(record_id, **given)
    return Answer(body=attrs.asdict(made))


def _object(org: Org, name: str) -> str:
    if org.schema.get(name) is None:
        raise not_found(f"The simulated org has no object {name}")
    return name
