"""Approved templates, filled in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from crocevia import Attachment, Template
from crocevia_meta.whatsapp import files

_BUTTONS = {
    "payload:": ("quick_reply", "payload", "payload"),
    "code:": ("copy_code", "coupon_code", "coupon_code"),
    "url:": ("url", "text", "text"),
}
"""How a button's parameter begins, by what it is; without any of these it is a URL's end."""


def sent(template: Template, message: str) -> dict[str, Any]:
    """A template with its parameters. Meta's language codes have an underscore (`en_US`).

    Source: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates (Graph API v23.0).

    Raises:
        RejectedError: its header is no file that WhatsApp knows.
    """
    named: dict[str, Any] = {"name": template.name, "language": {"code": template.language.replace("-", "_")}}
    if components := [*_header(template.header, message), *_body(template), *_buttons(template.buttons)]:
        named["components"] = components
    return named


def _header(header: str | Attachment | None, message: str) -> Iterator[dict[str, Any]]:
    if isinstance(header, str):
        yield {"type": "header", "parameters": [{"type": "text", "text": header}]}
    elif header is not None:
        kind, media = files.referred(header, message)
        yield {"type": "header", "parameters": [{"type": kind, kind: media}]}


def _body(template: Template) -> Iterator[dict[str, Any]]:
    """By place, or by the names that the template gives them; never both in one template."""
    values: list[dict[str, str]] = [{"type": "text", "text": value} for value in template.parameters]
    values += [{"type": "text", "parameter_name": name, "text": value} for name, value in template.named.items()]
    if values:
        yield {"type": "body", "parameters": values}


def _buttons(buttons: tuple[str, ...]) -> Iterator[dict[str, Any]]:
    for index, given in enumerate(buttons):
        if not given:
            continue
        prefix = next((prefix for prefix in _BUTTONS if given.startswith(prefix)), "")
        sub_type, type_, name = _BUTTONS[prefix or "url:"]
        value = {"type": type_, name: given.removeprefix(prefix)}
        yield {"type": "button", "sub_type": sub_type, "index": str(index), "parameters": [value]}
