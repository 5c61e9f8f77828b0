"""Whether a message is one that the Cloud API would take: stricter than Meta where Meta only overlooks.

Source: message API of Graph API v23.0 (../graph.py), read 2026-08.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from crocevia_meta.simulator import interactive
from crocevia_meta.simulator.refusals import Refusal, length, only

_COMMON = frozenset(
    {"messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"}
)
_MEDIA = {
    "image": {"id", "link", "caption"},
    "video": {"id", "link", "caption"},
    "document": {"id", "link", "caption", "filename"},
    "audio": {"id", "link", "voice"},
    "sticker": {"id", "link"},
}
_OTHERS = {
    "text": ({"body"}, {"preview_url"}),
    "reaction": ({"message_id", "emoji"}, set()),
    "location": ({"latitude", "longitude"}, {"name", "address"}),
    "template": ({"name", "language"}, {"components"}),
    "interactive": ({"type", "action"}, {"header", "body", "footer"}),
}
MAX_TEXT = 4096
MAX_CAPTION = 1024
MAX_CALLBACK = 512


def message(body: object, templates: Mapping[tuple[str, str], int], has_media: Callable[[str], bool]) -> dict[str, Any]:
    """The message, if it is right in every key.

    Args:
        body: The decoded JSON.
        templates: As in the settings.
        has_media: Whether a media id was uploaded.

    Raises:
        Refusal: with Meta's code.
    """
    if not isinstance(body, dict):
        raise Refusal(100, "The body must be a JSON object")
    if body.get("messaging_product") != "whatsapp":
        raise Refusal(100, "The parameter messaging_product is required")
    if body.get("recipient_type", "individual") != "individual":
        raise Refusal(100, "recipient_type must be individual")
    _recipient(body)
    type_ = body.get("type", "text")
    if type_ not in _OTHERS and type_ not in _MEDIA:
        raise Refusal(131009, f"Param type must be one of {sorted([*_OTHERS, *_MEDIA])}")
    only(body, _COMMON | {type_}, "the message")
    _callback(body)
    content = body.get(type_)
    if not isinstance(content, dict):
        raise Refusal(131008, f"The parameter {type_} is required")
    if type_ in _MEDIA:
        _media(content, type_, has_media)
    else:
        needed, optional = _OTHERS[type_]
        only(content, needed | optional, type_)
        for name in sorted(needed - content.keys()):
            raise Refusal(131008, f"The parameter {type_}['{name}'] is required")
    if type_ == "text":
        length(content["body"], 1, MAX_TEXT, "text['body']")
    if type_ == "template":
        _template(content, templates)
    if type_ == "interactive":
        interactive.check(content)
    return {**body, "type": type_}


def _recipient(body: Mapping[str, Any]) -> None:
    to, recipient = body.get("to"), body.get("recipient")
    if to is None and recipient is None:
        raise Refusal(100, "The parameter to is required")
    if to is not None and (not isinstance(to, str) or not to.removeprefix("+").isdigit()):
        raise Refusal(100, "to must be a phone number")
    if recipient is not None and (not isinstance(recipient, str) or recipient[2:3] != "."):
        raise Refusal(100, "recipient must be a business-scoped user id")


def _callback(body: Mapping[str, Any]) -> None:
    if "biz_opaque_callback_data" in body:
        length(body["biz_opaque_callback_data"], 1, MAX_CALLBACK, "biz_opaque_callback_data")
    context = body.get("context", {"message_id": "?"})
    if not isinstance(context, dict) or not isinstance(context.get("message_id"), str):
        raise Refusal(131009, "context['message_id'] must be a message id")
    only(context, {"message_id"}, "context")


def _media(content: Mapping[str, Any], type_: str, has_media: Callable[[str], bool]) -> None:
    only(content, _MEDIA[type_], type_)
    if ("id" in content) == ("link" in content):
        raise Refusal(131008, f"{type_} needs either id or link")
    if "id" in content and not (isinstance(content["id"], str) and has_media(content["id"])):
        raise Refusal(100, "The media id does not exist", subcode=33)
    if "link" in content and not str(content["link"]).startswith(("http://", "https://")):
        raise Refusal(131009, f"{type_}['link'] must be a URL")
    if "caption" in content:
        length(content["caption"], 1, MAX_CAPTION, f"{type_}['caption']")


def _template(content: Mapping[str, Any], templates: Mapping[tuple[str, str], int]) -> None:
    language = content["language"]
    code = language.get("code") if isinstance(language, dict) else None
    expected = templates.get((content["name"], code)) if isinstance(code, str) else None
    if expected is None:
        raise Refusal(132001, f"There is no template {content['name']!r} in {code!r}")
    given = 0
    for component in content.get("components", ()):
        only(component, {"type", "parameters", "sub_type", "index"}, "a template's component")
        if component.get("type") == "body":
            given = len(component.get("parameters", ()))
    if given != expected:
        raise Refusal(132000, f"body: number of localizable_params ({given}) does not match ({expected})")
