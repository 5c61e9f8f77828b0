"""Recordings, voicemails and transcripts of calls.

Source: https://www.twilio.com/docs/voice/twiml/record, .../voice/api/recording (2026-03).
"""

from __future__ import annotations

from datetime import datetime, timedelta

from crocevia import Attachment, Event, Ignored, InteractionCompleted
from crocevia_twilio.form import moment, number
from crocevia_twilio.voice_leaves import Leaf

_VOICEMAIL = "RecordVerb"
_NO_AUDIO = frozenset({"absent", "failed", "deleted", "in-progress", "paused", "processing"})


def recording(leaf: Leaf, received_at: datetime) -> Event:
    """A recording of a call, or a voicemail: what the caller said after the tone, where nobody was dialled."""
    said = leaf.fields
    if said.get("RecordingStatus") in _NO_AUDIO:
        return Ignored(reason=f"a recording that is {said['RecordingStatus']}", leaf=leaf.pointer)
    url = said.get("RecordingUrl", "").replace("http://api.", "https://api.", 1)  # as the API's lists have it
    sid = said.get("RecordingSid") or url.rpartition("/")[2]
    own = said.get("RecordingSource") == _VOICEMAIL or ("CallStatus" in said and "DialCallStatus" not in said)
    length = number(said.get("RecordingDuration"))
    began = moment(said.get("RecordingStartTime"))
    return InteractionCompleted(
        of=said["CallSid"],
        key=f"{said['CallSid']}:recording:{sid}",
        at=began + timedelta(seconds=length or 0) if began else received_at,
        outcome="voicemail" if own else None,
        attachments=(
            Attachment(
                kind="voice",
                key=sid,
                url=url or None,
                mime_type="audio/wav",
                detail=None if length is None else f"{length} s",
            ),
        ),
        leaf=leaf.pointer,
    )


def transcript(leaf: Leaf, received_at: datetime) -> Event:
    """What was said, written down."""
    said = leaf.fields
    if "TranscriptionText" not in said:
        reason = f"a transcript that is {said.get('TranscriptionStatus', 'empty')[:20]}"
        return Ignored(reason=reason, leaf=leaf.pointer)
    return InteractionCompleted(
        of=said["CallSid"],
        key=f"{said['CallSid']}:transcript:{said['TranscriptionSid']}",
        at=received_at,
        text=said["TranscriptionText"],
        leaf=leaf.pointer,
    )
