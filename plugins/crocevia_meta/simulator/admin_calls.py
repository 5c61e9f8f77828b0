"""The other side: what whoever plays the customers may ask for. Loopback only, no credentials.

    POST /admin/customers/<number or user id>/messages  {"type": "text", "text": "...", "name"?, "at"?, "reply_to"?}
    POST /admin/customers/<...>/photos                  {"caption"?}
    POST /admin/customers/<...>/edits                   {"of": wamid, "text"}
    POST /admin/customers/<...>/reactions               {"of": wamid, "emoji"}
    POST /admin/customers/<...>/revocations             {"of": wamid}
    POST /admin/customers/<...>/number                  {"new": number}
    POST /admin/customers/<...>/window                  {}: the reply window closes
    GET  /admin/customers/<...>/messages                what was written, both ways
    PUT  /admin/webhook                                 {"url"}
    POST /admin/faults                                  {"fault": "lost answer" | "unavailable" | "throttled", "count"?}
    GET  /admin/state, /admin/idle

What makes a leaf answers `{"id": wamid}`. A message of another type than text carries the object of that name as in a
webhook (`{"type": "location", "location": {...}}`). `at` is in Unix seconds.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from crocevia_meta.simulator.graph_calls import Call, Reply, decoded, reply
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.vendor import Vendor

_CUSTOMER = re.compile(r"/admin/customers/(?P<address>[A-Za-z0-9.]+)/(?P<what>[a-z]+)")
FAULTS = frozenset({"lost answer", "unavailable", "throttled"})
Body = Mapping[str, Any]


def answer(vendor: Vendor, call: Call) -> Reply:
    """Answer one call under `/admin`.

    Raises:
        Refusal: there is no such thing to ask, or it is asked wrongly.
    """
    try:
        return _customer(vendor, call) or _vendor(vendor, call)
    except (KeyError, TypeError) as error:
        raise Refusal(131008, f"The parameter {error} is required") from error
    except LookupError as error:
        raise Refusal(131009, f"There is no message {error}") from error


def _vendor(vendor: Vendor, call: Call) -> Reply:
    match call.method, call.path:
        case "GET", "/admin/state":
            return reply(vendor.state())
        case "GET", "/admin/idle":
            return reply({"idle": vendor.idle()})
        case "PUT", "/admin/webhook":
            vendor.webhook = decoded(call)["url"]
            vendor.wake.set()
            return reply({"success": True})
        case "POST", "/admin/faults":
            fault = decoded(call)
            if fault["fault"] not in FAULTS:
                raise Refusal(131009, f"fault must be one of {sorted(FAULTS)}")
            with vendor.lock:
                vendor.faults[fault["fault"]] += int(fault.get("count", 1))
            return reply({"success": True})
    raise Refusal(100, f"There is no {call.method} {call.path}")


def _customer(vendor: Vendor, call: Call) -> Reply | None:
    found = _CUSTOMER.fullmatch(call.path)
    if found is None:
        return None
    address = found["address"]
    if call.method == "GET" and found["what"] == "messages":
        return reply(_thread(vendor, address))
    deed = _DEEDS.get(found["what"]) if call.method == "POST" else None
    if deed is None:
        return None
    return reply({"id": deed(vendor, address, decoded(call))})


def _write(vendor: Vendor, address: str, body: Body) -> str:
    said: dict[str, Any] = {"type": body["type"]}
    said[body["type"]] = {"body": body["text"]} if body["type"] == "text" else body[body["type"]]
    if body.get("reply_to"):
        said["context"] = {"from": vendor.settings.display_phone_number, "id": body["reply_to"]}
    return vendor.write(address, said, name=body.get("name"), user_id=body.get("user_id"), at=body.get("at"))


def _photograph(vendor: Vendor, address: str, body: Body) -> str:
    return vendor.photograph(address, body.get("caption"), name=body.get("name"), at=body.get("at"))


def _close_window(vendor: Vendor, address: str, _body: Body) -> str:
    with vendor.lock:
        vendor.store.close_window(address)
        vendor.store.commit()
    return address


_DEEDS: dict[str, Callable[[Vendor, str, Body], str]] = {
    "messages": _write,
    "photos": _photograph,
    "edits": lambda vendor, address, body: vendor.edit(address, body["of"], body["text"], at=body.get("at")),
    "reactions": lambda vendor, address, body: vendor.react(address, body["of"], body["emoji"], at=body.get("at")),
    "revocations": lambda vendor, address, body: vendor.revoke(address, body["of"], at=body.get("at")),
    "number": lambda vendor, address, body: vendor.change_number(address, body["new"], at=body.get("at")),
    "window": _close_window,
}


def _thread(vendor: Vendor, address: str) -> list[dict[str, Any]]:
    with vendor.lock:
        rows = vendor.store.rows("SELECT * FROM messages WHERE customer = ? ORDER BY n", address)
    return [{**row, "body": json.loads(row["body"])} for row in rows]
