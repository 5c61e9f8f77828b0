"""``/search``, ``/parameterizedSearch`` and ``/recent``."""

from __future__ import annotations

from typing import Any

from crocevia_salesforce.simulator import sosl
from crocevia_salesforce.simulator.api import router
from crocevia_salesforce.simulator.errors import refuse
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org


@router.add("GET", "search")
def search(org: Org, call: Call) -> Answer:
    """Run SOSL."""
    if not call.params.get("q"):
        raise refuse(400, "MALFORMED_SEARCH", "A search string has to be specified")
    return Answer(body={"searchRecords": sosl.search(org.visible, org.runner, call.params["q"], call.version)})


@router.add("GET", "parameterizedSearch")
def search_by_parameters(org: Org, call: Call) -> Answer:
    """Search with the term and the objects in the address."""
    names = [name.strip() for name in call.params.get("sobject", "").split(",") if name.strip()]
    fields = [name.strip() for name in call.params.get("fields", "").split(",") if name.strip()]
    objects = [{"name": name, "fields": fields} for name in names]
    return _parameterized(org, call, {"q": call.params.get("q"), "sobjects": objects, "in": call.params.get("in")})


@router.add("POST", "parameterizedSearch")
def search_by_body(org: Org, call: Call) -> Answer:
    """Search with the term and the objects in the body."""
    return _parameterized(org, call, call.object())


def _parameterized(org: Org, call: Call, asked: dict[str, Any]) -> Answer:
    objects = asked.get("sobjects")
    term = asked.get("q")
    if not isinstance(term, str) or not isinstance(objects or [], list):
        raise refuse(400, "INVALID_INPUT", "q is a text and sobjects a list")
    parts = []
    for item in objects or []:
        fields = item.get("fields") if isinstance(item, dict) else None
        if not isinstance(item, dict) or not isinstance(item.get("name"), str) or not isinstance(fields or [], list):
            raise refuse(400, "INVALID_INPUT", "each of sobjects has a name, and a list of fields")
        where = f" WHERE {item['where']}" if item.get("where") else ""
        parts.append(f"{item['name']}({', '.join(map(str, fields or ['Id']))}{where})")
    scope = f" IN {asked['in']} FIELDS" if asked.get("in") else ""
    escaped = term.replace("\\", "\\\\").replace("}", "\\}").replace("{", "\\{")
    statement = f"FIND {{{escaped}}}{scope}" + (f" RETURNING {', '.join(parts)}" if parts else "")
    return Answer(body={"searchRecords": sosl.search(org.visible, org.runner, statement, call.version)})


@router.add("GET", "recent")
def recent(org: Org, call: Call) -> Answer:
    """Return the records that the user has viewed lately: none, for an integration user views none."""
    del org, call
    return Answer(body=[])
