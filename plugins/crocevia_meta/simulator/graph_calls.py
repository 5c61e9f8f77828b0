"""The Graph API's side: what a business may ask of its number."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from crocevia_meta.simulator import validation
from crocevia_meta.simulator.refusals import Refusal
from crocevia_meta.simulator.vendor import Vendor

_PATH = re.compile(r"/v(?P<version>\d+\.\d+)/(?P<node>\d+)(?:/(?P<edge>[a-z_]+))?")
_OLDEST_VERSION = 19.0


@frozen
class Call:
    """One HTTP call. Header names are in lower case."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    url: str = ""


@frozen
class Reply:
    """What it is answered."""

    status: int
    body: bytes
    type: str = "application/json"


def reply(value: object, status: int = 200) -> Reply:
    """A JSON answer."""
    return Reply(status, json.dumps(value).encode())


def decoded(call: Call) -> Any:
    """The JSON of a call's body. Raises Refusal when it is none."""
    try:
        return json.loads(call.body)
    except ValueError:
        raise Refusal(100, "The body is not JSON") from None


def answer(vendor: Vendor, call: Call) -> Reply:
    """Answer one call to the Graph API.

    Raises:
        Refusal: it is not allowed, not there, or wrong.
    """
    found = _PATH.fullmatch(call.path)
    if found is None or float(found["version"]) < _OLDEST_VERSION:
        raise Refusal(100, "Unknown path components or version", subcode=2500)
    if call.headers.get("authorization") != f"Bearer {vendor.settings.access_token.reveal()}":
        raise Refusal(190, "The access token is not valid")
    match call.method, found["node"], found["edge"]:
        case "GET", vendor.settings.phone_number_id, None:
            return reply(_number(vendor))
        case "POST", vendor.settings.phone_number_id, "messages":
            return _message(vendor, call)
        case "POST", vendor.settings.phone_number_id, "media":
            return reply({"id": vendor.upload(call.headers.get("content-type", ""), call.body)})
        case "GET", vendor.settings.business_account_id, "subscribed_apps":
            app = {"whatsapp_business_api_data": {"id": "67252", "name": "crocevia", "link": "https://example.org"}}
            return reply({"data": [app] if vendor.webhook else []})
        case "GET", media, None:
            return reply(_media(vendor, call, media))
    raise Refusal(100, f"Unsupported {call.method} request", subcode=33)


def content(vendor: Vendor, call: Call, media: str) -> Reply:
    """The bytes behind a media's short-lived URL, which wants the token too."""
    if call.headers.get("authorization") != f"Bearer {vendor.settings.access_token.reveal()}":
        raise Refusal(190, "The access token is not valid")
    try:
        kept = vendor.media(media)
    except LookupError:
        raise Refusal(100, "The media does not exist", subcode=33) from None
    return Reply(200, kept["body"], kept["mime_type"])


def _number(vendor: Vendor) -> dict[str, Any]:
    return {
        "verified_name": vendor.settings.verified_name,
        "code_verification_status": "VERIFIED",
        "display_phone_number": f"+{vendor.settings.display_phone_number}",
        "quality_rating": "GREEN",
        "platform_type": "CLOUD_API",
        "throughput": {"level": "STANDARD"},
        "id": vendor.settings.phone_number_id,
    }


def _media(vendor: Vendor, call: Call, media: str) -> dict[str, Any]:
    try:
        kept = vendor.media(media)
    except LookupError:
        raise Refusal(100, f"Object with ID '{media}' does not exist", subcode=33) from None
    return {
        "messaging_product": "whatsapp",
        "url": f"{call.url}/media/{media}",
        "mime_type": kept["mime_type"],
        "sha256": hashlib.sha256(kept["body"]).hexdigest(),
        "file_size": len(kept["body"]),
        "id": media,
    }


def _message(vendor: Vendor, call: Call) -> Reply:
    if not call.headers.get("content-type", "").startswith("application/json"):
        raise Refusal(100, "Content-Type must be application/json")
    for fault, code in (("throttled", 130429), ("unavailable", 131016)):
        if vendor.fault(fault):
            raise Refusal(code, "Try again later")
    body = decoded(call)
    if isinstance(body, dict) and body.get("status") == "read":
        return reply({"success": True})
    message = validation.message(body, vendor.settings.templates, lambda id_: _has_media(vendor, id_))
    asked = message.get("to") or message["recipient"]  # a number takes precedence over a user id
    customer = asked.removeprefix("+")
    known = vendor.store.customer(customer)
    if known:
        customer = known["address"]
    if message["type"] != "template" and not vendor.window_is_open(customer):
        raise Refusal(131047, "More than 24 hours have passed since the customer last replied to this number")
    id_ = vendor.accept(message, customer)
    if vendor.fault("lost answer"):
        return Reply(502, b"<html><body>Bad Gateway</body></html>", "text/html")
    contact = {"input": asked, ("wa_id" if "to" in message else "user_id"): customer}
    return reply({"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": id_}]})


def _has_media(vendor: Vendor, media: str) -> bool:
    try:
        return bool(vendor.media(media))
    except LookupError:
        return False
