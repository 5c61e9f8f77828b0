"""Deliveries as Meta composes them."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from typing import Any

from crocevia_meta.simulator.settings import VendorSettings
from crocevia_meta.whatsapp.parties import is_phone


def sender(customer: dict[str, Any]) -> dict[str, str]:
    """Who a message is from: the number and user id, or the user id alone for somebody who hides the number."""
    found: dict[str, str] = {"from": customer["address"]} if is_phone(customer["address"]) else {}
    if customer["user_id"]:
        found["from_user_id"] = customer["user_id"]
    return found


def contact(customer: dict[str, Any]) -> dict[str, Any]:
    """A customer as the `contacts` of a delivery introduce them."""
    shown: dict[str, Any] = {"profile": {"name": customer["name"]}} if customer["name"] else {}
    if is_phone(customer["address"]):
        shown["wa_id"] = customer["address"]
    if customer["user_id"]:
        shown["user_id"] = customer["user_id"]
    return shown


def status(of: str, customer: dict[str, Any], name: str, at: float, callback: str | None, code: int) -> dict[str, Any]:
    """One of `statuses`; `code` is told when it failed."""
    told: dict[str, Any] = {"id": of, "status": name, "timestamp": str(int(at))}
    if is_phone(customer["address"]):
        told["recipient_id"] = customer["address"]
    if customer["user_id"]:
        told["recipient_user_id"] = customer["user_id"]
    if callback is not None:
        told["biz_opaque_callback_data"] = callback
    if name == "failed":
        title = "Message undeliverable"
        told["errors"] = [
            {"code": code, "title": title, "message": title, "error_data": {"details": "Message Undeliverable."}}
        ]
    else:
        told["conversation"] = {"id": "7270432eae37498234f4444b35ffc5", "origin": {"type": "service"}}
        told["pricing"] = {
            "billable": False,
            "pricing_model": "PMP",
            "category": "service",
            "type": "free_customer_service",
        }
    return told


def delivery(
    settings: VendorSettings,
    leaves: Sequence[dict[str, Any]],
    customers: dict[str, dict[str, Any]],
    chance: random.Random,
) -> bytes:
    """One delivery of these leaves, spread over entries, changes and lists at random, but all of them in it."""
    entries: list[dict[str, Any]] = []
    for leaf in leaves:
        if not entries or chance.random() < 0.25:
            entries.append({"id": settings.business_account_id, "changes": []})
        changes = entries[-1]["changes"]
        if not changes or chance.random() < 0.35:
            metadata = {
                "display_phone_number": settings.display_phone_number,
                "phone_number_id": settings.phone_number_id,
            }
            changes.append({"value": {"messaging_product": "whatsapp", "metadata": metadata}, "field": "messages"})
        _add(changes[-1]["value"], leaf, customers.get(leaf["customer"]))
    body = {"object": "whatsapp_business_account", "entry": entries}
    return json.dumps(body, ensure_ascii=True, separators=(",", ":")).encode()  # Meta escapes, and signs what it sends


def _add(value: dict[str, Any], leaf: dict[str, Any], customer: dict[str, Any] | None) -> None:
    value.setdefault(leaf["list"], []).append(json.loads(leaf["body"]))
    if customer is None or leaf["kind"] == "system":  # system messages come without contacts
        return
    contacts = value.setdefault("contacts", [])
    shown = contact(customer)
    if shown not in contacts:
        contacts.append(shown)
