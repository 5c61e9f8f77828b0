"""The other side: what whoever plays the people may ask for. Loopback only, no credentials.

POST /admin/message  {"place": "page" | "instagram", "name", "message": {"text", ...}}
POST /admin/update   {"place", "name", "what": {"reaction": {...}}}
POST /admin/comment  {"place", "name", "text", "under"?, "post"?}
POST /admin/edit     {"comment", "text"}
POST /admin/remove   {"comment"}
POST /admin/person   {"place", "name"}
POST /admin/window   {"place", "name"}: the reply window closes
    POST /admin/losses   {"count"}: so many answers to the business are lost
PUT  /admin/webhook  {"url"}
GET  /admin/said, /admin/idle
"""

from __future__ import annotations

from typing import Any

from crocevia_meta.simulator.graph_calls import Call, Reply, decoded, reply
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.social.world import World


def answer(world: World, call: Call) -> Reply:
    """Answer one call under `/admin`.

    Raises:
        Refusal: there is no such thing to ask, or it is asked wrongly.
    """
    try:
        return _answer(world, call)
    except (KeyError, TypeError) as error:
        raise Refusal(131008, f"The parameter {error} is required, or is not there") from error


def _answer(world: World, call: Call) -> Reply:
    match call.method, call.path:
        case "GET", "/admin/said":
            return reply(world.said)
        case "GET", "/admin/idle":
            return reply({"idle": world.idle()})
        case "PUT", "/admin/webhook":
            world.webhook = decoded(call)["url"]
            world.wake.set()
            return reply({"success": True})
        case "POST", path:
            return reply(_deed(world, path, decoded(call)))
    raise Refusal(100, f"There is no {call.method} {call.path}")


def _deed(world: World, path: str, body: Any) -> dict[str, Any]:
    match path:
        case "/admin/message":
            return {"id": world.message(body["place"], body["name"], body["message"])}
        case "/admin/update":
            world.update(body["place"], body["name"], body["what"])
        case "/admin/comment":
            said = (body["place"], body["name"], body["text"], body.get("under"))
            return {"id": world.comment(*said, post=bool(body.get("post")))}
        case "/admin/edit":
            world.edit(body["comment"], body["text"])
        case "/admin/remove":
            world.remove(body["comment"])
        case "/admin/person":
            return {"id": world.person(body["place"], body["name"])}
        case "/admin/window":
            world.last_written.pop(world.person(body["place"], body["name"]), None)
        case "/admin/losses":
            world.losing += int(body["count"])
        case _:
            raise Refusal(100, f"There is no POST {path}")
    return {"success": True}
