"""A message made to fit what its conversation can carry, or the reason why it cannot be. Pure."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from datetime import datetime
from urllib.parse import urlsplit

from attrs import evolve

from crocevia.model import Attachment, Button, Capabilities, Message
from crocevia.sync.pieces import split

Share = tuple[str | None, tuple[Attachment, ...], tuple[Button, ...]]
"""What one part carries: text, files, choices."""


def fit(message: Message, limits: Capabilities, now: datetime) -> list[Message] | str:
    """The messages that go out for this one, in order; or why none does.

    Choices that the channel has not, or not so many or so long, become a numbered text; a subject that it has not comes
    before the text; what is longer than one message is split where it hurts least; files beyond what one message
    carries go in messages of their own. The first part keeps the message's id, the others add `.2`, `.3`...

    Args:
        message: One answer, as somebody wrote it.
        limits: Of its conversation.
        now: For the reply window.
    """
    reason = _objection(message, limits, now)
    if reason is not None:
        return reason
    if message.template is not None or message.kind == "call":
        return [message]
    message = _subject_in_text(_choices_in_text(message, limits), limits)
    texts = split(message.text or "", limits.max_text, limits.max_parts)
    if texts is None:
        much = f"{limits.max_parts} messages of " if limits.max_parts > 1 else ""
        return f"the text is longer than {much}{limits.max_text} characters: shorten it"
    shares = _shares(message, texts, limits)
    return [
        evolve(message, id=part_id(message.id, number), text=text, attachments=files, buttons=choices)
        for number, (text, files, choices) in enumerate(shares, start=1)
    ]


def part_id(uid: str, number: int) -> str:
    """The id of a part of an answer, counted from 1."""
    return uid if number == 1 else f"{uid}.{number}"


def part_of(callback: str) -> tuple[str, int]:
    """The answer's id and the part's number, from what a channel handed back."""
    uid, dot, number = callback.rpartition(".")
    return (uid, int(number)) if dot and number.isdecimal() else (callback, 1)


# --- refusing -------------------------------------------------------------------------------------------------------


def _objection(message: Message, limits: Capabilities, now: datetime) -> str | None:
    if message.template is not None:
        return _template_objection(message, limits)
    if message.kind == "call":
        return None
    found = [_nothing(message), *(_file_objection(file, limits) for file in message.attachments)]
    return next((reason for reason in (*found, _window_objection(message, limits, now)) if reason is not None), None)


def _nothing(message: Message) -> str | None:
    if any(not button.title.strip() for button in message.buttons):
        return "a choice without a title"
    if (message.text or "").strip() or message.subject:
        return None
    if message.buttons:
        return "choices need a text that asks for them"
    return None if message.attachments else "an empty message"


def _window_objection(message: Message, limits: Capabilities, now: datetime) -> str | None:
    window = limits.reply_window
    if window is None or (message.last_inbound_at is not None and now - message.last_inbound_at <= window):
        return None
    hours = int(window.total_seconds() // 3600)
    return f"the customer has not written in the last {hours} hours: only a template may be sent"


def _template_objection(message: Message, limits: Capabilities) -> str | None:
    if not limits.templates:
        return "this channel has no templates"
    if message.template is not None and not (message.template.name.strip() and message.template.language.strip()):
        return "a template needs its name and its language"
    return None


def _file_objection(file: Attachment, limits: Capabilities) -> str | None:
    mime = mime_type(file)
    largest = max((size for kind, size in limits.media.items() if mime and mime.startswith(kind)), default=None)
    if largest is None or limits.max_attachments < 1:
        return f"this channel carries no {mime or file.kind}"
    if file.size_bytes is not None and file.size_bytes > largest:
        return f"this channel carries {mime} up to {largest} bytes, and the file has {file.size_bytes}"
    return None


def mime_type(file: Attachment) -> str | None:
    """As the file says; else what its name or the end of its URL stand for; None: nobody knows."""
    if file.mime_type:
        return file.mime_type.split(";", 1)[0].strip().lower()
    for name in (file.name, urlsplit(file.url).path if file.url else None):
        if name and (guessed := mimetypes.guess_type(name)[0]):
            return guessed
    return None


# --- degrading ------------------------------------------------------------------------------------------------------


def _choices_in_text(message: Message, limits: Capabilities) -> Message:
    choices = message.buttons
    if len(choices) <= limits.buttons and all(len(choice.title) <= limits.button_text for choice in choices):
        return message
    lines = [f"{number}. {' '.join(choice.title.split())}" for number, choice in enumerate(choices, start=1)]
    return evolve(message, text="\n".join([*([message.text, ""] if message.text else []), *lines]), buttons=())


def _subject_in_text(message: Message, limits: Capabilities) -> Message:
    if limits.subject or not message.subject:
        return message
    text = f"{message.subject}\n\n{message.text}" if message.text else message.subject
    return evolve(message, text=text, subject=None)


def _shares(message: Message, texts: Sequence[str], limits: Capabilities) -> list[Share]:
    """The files go with the first text, where it may stand with a file; choices are the last that is shown."""
    most_files = limits.max_attachments
    files = [message.attachments[at : at + most_files] for at in range(0, len(message.attachments), max(1, most_files))]
    if message.buttons:
        told: list[Share] = [(None, some, ()) for some in files]
        return [*told, *((text, (), ()) for text in texts[:-1]), (texts[-1] if texts else None, (), message.buttons)]
    if texts and files and limits.max_caption is not None and sum(map(len, texts)) > limits.max_caption:
        return [*((text, (), ()) for text in texts), *((None, some, ()) for some in files)]
    first: list[Share] = [(texts[0] if texts else None, files[0] if files else (), ())]
    return [*first, *((text, (), ()) for text in texts[1:]), *((None, some, ()) for some in files[1:])]
