"""Whether a message with choices is one that the Cloud API would take.

Source: .../whatsapp/messages/interactive-reply-buttons-messages and interactive-list-messages (2026-05).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crocevia_meta.simulator.refusals import Refusal, length, only

MOST_BUTTONS, MOST_ROWS = 3, 10
_TITLES = {"button": 20, "list": 24}
_TEXTS = {"button": 1024, "list": 4096}
_IDS = {"button": 256, "list": 200}


def check(content: Mapping[str, Any]) -> None:
    """Refuse what is no message with reply buttons and no list."""
    type_ = content["type"]
    if type_ not in _TEXTS:
        raise Refusal(131009, f"interactive['type'] must be one of {sorted(_TEXTS)}")
    body = content.get("body")
    only(body, {"text"}, "interactive['body']")
    length(body.get("text") if isinstance(body, dict) else None, 1, _TEXTS[type_], "interactive['body']['text']")
    action = content["action"]
    only(action, {"buttons"} if type_ == "button" else {"button", "sections"}, "interactive['action']")
    choices = _buttons(action) if type_ == "button" else _rows(action)
    for choice in choices:
        only(choice, {"id", "title"}, "a choice")
        length(choice.get("title"), 1, _TITLES[type_], "a choice's title")
        length(choice.get("id"), 1, _IDS[type_], "a choice's id")
    for name in ("id", "title") if type_ == "button" else ("id",):
        if len({choice[name] for choice in choices}) < len(choices):
            raise Refusal(131009, f"Two choices with the same {name}")


def _buttons(action: Mapping[str, Any]) -> list[Any]:
    buttons = action.get("buttons")
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= MOST_BUTTONS:
        raise Refusal(131009, f"interactive['action']['buttons'] must be 1 to {MOST_BUTTONS}")
    for button in buttons:
        only(button, {"type", "reply"}, "a button")
        if button.get("type") != "reply" or not isinstance(button.get("reply"), dict):
            raise Refusal(131009, "a button must be a reply")
    return [button["reply"] for button in buttons]


def _rows(action: Mapping[str, Any]) -> list[Any]:
    length(action.get("button"), 1, 20, "interactive['action']['button']")
    sections = action.get("sections")
    if not isinstance(sections, list) or len(sections) != 1:
        raise Refusal(131009, "interactive['action']['sections'] must be one, or each with a title")
    only(sections[0], {"rows", "title"}, "a section")
    rows = sections[0].get("rows")
    if not isinstance(rows, list) or not 1 <= len(rows) <= MOST_ROWS:
        raise Refusal(131009, f"a list must have 1 to {MOST_ROWS} rows")
    return rows
