"""How an answer that is written in a CRM says what it is to be sent as: texts in fields that a mapping may name.

Nothing of it has to be mapped: without any an answer is a plain, private text in the customer's service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

KEPT = ("subject", "purpose", "template", "buttons", "public", "automated")
"""Of an answer's canonical values, those that stay with it as they were written."""
_BAR = re.compile(r"(?<!\\)\|")


def asked(canonical: Mapping[str, Any]) -> dict[str, Any]:
    r"""What a command to send says beside address and text.

    `template` is `NAME|LANGUAGE|PARAMETER|...`, `buttons` one choice a line, `TITLE` or `TITLE|ID` (`\|` for a bar in
    either); `purpose` is `service` or `marketing`; `public` and `automated` are yes or no.

    Raises:
        ValueError: a field that says something else; the message is for who wrote it.
    """
    found: dict[str, Any] = {
        "subject": canonical.get("subject") or None,
        "template": _template(canonical.get("template")),
        "buttons": _buttons(canonical.get("buttons")),
        "purpose": _purpose(canonical.get("purpose")),
        "public": canonical.get("public"),
        "automated": canonical.get("automated") or None,
    }
    return {name: value for name, value in found.items() if value is not None}


def keep(detail: dict[str, Any], canonical: Mapping[str, Any]) -> None:
    """Let an interaction's detail say what the record says now."""
    for name in KEPT:
        if name in canonical:
            detail.pop(name, None)
            if canonical[name] not in (None, "", False):
                detail[name] = canonical[name]


def _template(text: str | None) -> dict[str, Any] | None:
    if not text or not text.strip():
        return None
    fields = _fields(text)
    if not all((*fields, "")[:2]):
        raise ValueError("a template is NAME|LANGUAGE|PARAMETER|...: its name or language is missing")
    return {"name": fields[0], "language": fields[1], "parameters": fields[2:]}


def _buttons(text: str | None) -> list[dict[str, str]] | None:
    found = []
    for line in (text or "").splitlines():
        if line.strip():
            title, *ids = _fields(line)
            if not title or len(ids) > 1:
                raise ValueError("a choice is written as TITLE or TITLE|ID, one a line")
            found.append({"title": title, "id": ids[0] if ids else ""})
    return found or None


def _purpose(text: str | None) -> str | None:
    said = (text or "").strip().lower()
    if said not in ("", "service", "marketing"):
        raise ValueError("a purpose is service or marketing")
    return said or None


def _fields(text: str) -> list[str]:
    return [part.replace("\\|", "|").strip() for part in _BAR.split(text.strip())]
