"""The API's own objects, said in the words of the webhooks: a page of a list, or one message, call or recording."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from crocevia import Raw
from crocevia.errors import MalformedError
from crocevia_twilio.form import Fields, fields

MESSAGE = {
    "sid": "MessageSid",
    "from": "From",
    "to": "To",
    "body": "Body",
    "num_media": "NumMedia",
    "direction": "Direction",
    "status": "MessageStatus",
    "error_code": "ErrorCode",
    "error_message": "ErrorMessage",
    "date_sent": "DateSent",
    "date_created": "DateCreated",
    "date_updated": "Timestamp",
}
CALL = {
    "sid": "CallSid",
    "from": "From",
    "to": "To",
    "caller_name": "CallerName",
    "direction": "Direction",
    "status": "CallStatus",
    "duration": "CallDuration",
    "answered_by": "AnsweredBy",
    "parent_call_sid": "ParentCallSid",
    "start_time": "StartTime",
    "date_created": "DateCreated",
    "end_time": "Timestamp",
}
RECORDING = {
    "sid": "RecordingSid",
    "call_sid": "CallSid",
    "duration": "RecordingDuration",
    "status": "RecordingStatus",
    "source": "RecordingSource",
    "media_url": "RecordingUrl",
    "date_created": "RecordingStartTime",
}
_LISTS = {"messages": MESSAGE, "calls": CALL, "recordings": RECORDING, "media_list": {}}
_BY_SID = {"SM": MESSAGE, "MM": MESSAGE, "CA": CALL, "RE": RECORDING}


@frozen
class Found:
    """One thing that a raw tells of.

    Attributes:
        pointer: Where it lies; `""` for a form, or an object that is the whole raw.
        fields: What it says; None for what is no object of the API.
    """

    pointer: str
    fields: Fields | None


def found(raw: Raw) -> list[Found]:
    """What a raw tells of: the form of a webhook, or the objects of the API.

    Raises:
        MalformedError: neither.
    """
    if raw.body.lstrip()[:1] != b"{":
        form = fields(raw.body)
        if not any(name.endswith("Sid") or name in ("From", "To", "Body") for name in form):
            msg = "neither a form of Twilio's nor an object of its API"
            raise MalformedError(msg)
        return [Found("", form)]
    body = raw.json()
    pages = [name for name in _LISTS if isinstance(body.get(name), list)]
    if pages:
        return [
            Found(f"/{name}/{index}", _said(item, _LISTS[name]))
            for name in pages
            for index, item in enumerate(body[name])
        ]
    return [Found("", _said(body, _of(body)))]


def _of(body: Mapping[str, Any]) -> Mapping[str, str]:
    names = _BY_SID.get(str(body.get("sid"))[:2])
    if names is None:
        msg = "an object without the id of a message, a call or a recording"
        raise MalformedError(msg)
    return names


def _said(item: Any, names: Mapping[str, str]) -> Fields | None:
    if not isinstance(item, dict):
        return None
    unsaid = {"CallStatus": ""} if names is CALL else {}  # by which a call is told from what is about one
    return {**unsaid, **dict(_fields(item, names))}


def _fields(item: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    for name, ours in names.items():
        value = item.get(name)
        if isinstance(value, str | int) and not isinstance(value, bool) and value != "":
            yield ours, str(value)
