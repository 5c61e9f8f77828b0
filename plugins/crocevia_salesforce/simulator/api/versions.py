"""``/services/data``: the versions, and what a version offers."""

from __future__ import annotations

from crocevia_salesforce.simulator.api import root
from crocevia_salesforce.simulator.api.auth import identity_url
from crocevia_salesforce.simulator.errors import not_found
from crocevia_salesforce.simulator.http import Answer, Call
from crocevia_salesforce.simulator.org import Org

_SEASONS = ("Spring", "Summer", "Winter")
_FIRST, _LAST = 31, 66
_RESOURCES = ("sobjects", "query", "queryAll", "search", "parameterizedSearch", "composite", "recent", "limits", "jobs")


def _label(version: int) -> str:
    """Return a release's name: 60 is Spring '24, three releases a year, Winter named after the next."""
    season = version % 3
    year = 24 + (version - 60) // 3 + (1 if season == 2 else 0)  # Winter
    return f"{_SEASONS[season]} '{year:02d}"


@root.add("GET", "/services/data", is_open=True)
def versions(org: Org, call: Call) -> Answer:
    """List the versions, open to all."""
    del org, call
    listed = [
        {"label": _label(n), "url": f"/services/data/v{n}.0", "version": f"{n}.0"} for n in range(_FIRST, _LAST + 1)
    ]
    return Answer(body=listed)


@root.add("GET", "/services/data/v{version}")
def resources(org: Org, call: Call, version: str) -> Answer:
    """List what a version offers."""
    if not (version.endswith(".0") and version[:-2].isdigit() and _FIRST <= int(version[:-2]) <= _LAST):
        raise not_found()
    found = {name: f"/services/data/v{version}/{name}" for name in _RESOURCES}
    return Answer(body={**found, "identity": identity_url(org, call, call.actor.user_id if call.actor else "")})
