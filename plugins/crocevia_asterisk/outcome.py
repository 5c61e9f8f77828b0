"""How a call ended, how long it was talked, and what else is worth a line. Pure.

Causes are Q.850's: 17 user busy, 21 call rejected.
Source: https://docs.asterisk.org/Configuration/Miscellaneous/Hangup-Cause-Mappings/ (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Literal

from crocevia_asterisk.call import Call, Leg
from crocevia_asterisk.sides import Sides

CallOutcome = Literal["answered", "missed", "busy", "rejected", "cancelled", "failed", "voicemail"]

_BUSY, _REJECTED = "17", "21"
_BY_STATUS: dict[str, CallOutcome] = {
    "ANSWER": "answered",
    "CANCEL": "cancelled",
    "NOANSWER": "missed",
    "BUSY": "busy",
    "DONTCALL": "rejected",
    "TORTURE": "rejected",
}
_BY_DISPOSITION: dict[str, CallOutcome] = {"NO ANSWER": "missed", "BUSY": "busy", "FAILED": "failed"}
_ORDER: tuple[CallOutcome, ...] = ("answered", "cancelled", "missed", "busy", "rejected", "failed")
"""What the first leg of several that it applies to says of all."""
_LOOKING_FOR_SOMEBODY = frozenset({"dial", "queue"})


def outcome(call: Call, told: Sides) -> CallOutcome | None:
    """How it ended; None where nobody can say: it ended unheard, and no CDR tells of it."""
    if call.cdrs and (call.partial or not call.legs):
        return _by_cdr(call)
    leg, first = told.leg, call.first
    if (leg is not None and leg.talked) or (told.direction == "internal" and first is not None and first.talked):
        return "answered"
    if call.partial and not call.over:
        return None
    return "voicemail" if call.voicemail else _untalked(call, told)


def _untalked(call: Call, told: Sides) -> CallOutcome:
    """Of a call in which nobody was put through to the customer."""
    leg, first = told.leg, call.first
    if first is None or call.not_originated or (first.dialled and first.up_at is None and leg is not first):
        return "failed"
    if told.direction == "outbound" and leg is not first:
        return "failed" if leg is None else _of_legs([leg])
    if call.abandoned:
        return "cancelled"
    if call.dialled:
        return _of_legs(call.dialled)
    if call.queue:
        return "missed"
    return "answered" if first.up_at is not None else _unanswered(first)


def _of_legs(legs: Iterable[Leg]) -> CallOutcome:
    found = {_of_leg(leg) for leg in legs}
    return next(one for one in _ORDER if one in found)


def _of_leg(leg: Leg) -> CallOutcome:
    if leg.dial_status in _BY_STATUS and leg.cause != _REJECTED:
        return _BY_STATUS[leg.dial_status]
    if leg.cause in (_BUSY, _REJECTED):
        return "busy" if leg.cause == _BUSY else "rejected"
    if leg.up_at is not None:
        return "answered"
    return "failed" if leg.dial_status else "missed"


def _unanswered(leg: Leg) -> CallOutcome:
    """Of a leg that came in and was sent nowhere."""
    if leg.cause in (_BUSY, _REJECTED):
        return "busy" if leg.cause == _BUSY else "rejected"
    return "cancelled" if leg.gave_up_at is not None else "failed"


def _by_cdr(call: Call) -> CallOutcome:
    found: set[CallOutcome] = set()
    for row in call.cdrs:
        disposition = row.get("Disposition", "")
        if disposition != "ANSWERED":
            found.add(_BY_DISPOSITION.get(disposition, "failed"))
        elif row.get("DestinationChannel") or row.get("LastApplication", "").lower() not in _LOOKING_FOR_SOMEBODY:
            found.add("answered")
        else:
            found.add("missed")
    if call.voicemail and not any(row.get("DestinationChannel") for row in call.cdrs):
        return "voicemail"
    return next(one for one in _ORDER if one in found)


def duration(call: Call, told: Sides, ended: CallOutcome | None) -> timedelta | None:
    """What was talked, held time included; None of a call that nobody answered, or of unknown length."""
    if ended != "answered":
        return None
    if call.cdrs and (call.partial or not call.legs):
        return timedelta(seconds=_billed_s(call))
    leg = told.leg or call.first
    if leg is None or not call.over:
        return None
    if leg.talked:
        return _rounded(leg.talked_s)
    if leg.up_at is None or leg.ended_at is None:
        return None
    return _rounded(leg.ended_at - leg.up_at)


def _billed_s(call: Call) -> int:
    """Seconds of the rows in which the first row's channel talked; the others are consultations."""
    channel = call.cdrs[0].get("Channel", "")
    rows = [row for row in call.cdrs if row.get("Disposition") == "ANSWERED"]
    own = [row for row in rows if channel in (row.get("Channel"), row.get("DestinationChannel"))]
    return sum(int(text) for row in own if (text := row.get("BillableSeconds", "")).isdigit())


def _rounded(seconds: float) -> timedelta:
    return timedelta(seconds=round(max(0.0, seconds)))


def summary(call: Call, told: Sides) -> str | None:
    """Ringing, who answered, hold and transfers, in a line; None when there is nothing to say."""
    said: list[str] = []
    if call.partial and not call.over and not call.cdrs:
        said.append("Ended while the exchange could not be heard; how long it lasted is not known")
    if call.queue:
        said.append(f"Queue {call.queue}")
    if (rang := _rang_s(call)) is not None and rang >= 1:
        said.append(f"Rang {rang} s")
    customer = told.leg.endpoint if told.leg else ""
    answered = call.members or [endpoint for endpoint in call.answered_by if endpoint != customer]
    if answered and told.direction != "outbound":
        said.append(f"Answered by {', '.join(answered)}")
    held = round(sum(leg.held_s for leg in call.legs.values()))
    if held >= 1:
        said.append(f"On hold {held} s")
    for kind, target in call.transfers:
        said.append(f"Transferred to {target} ({kind})" if target else f"Transferred ({kind})")
    return ". ".join(said) + "." if said else None


def _rang_s(call: Call) -> int | None:
    began = [leg.rang_at for leg in call.dialled if leg.rang_at is not None]
    ends = [at for leg in call.legs.values() if (at := leg.ended_at) is not None]
    if not began or (call.answered_at is None and not ends):
        return None
    return round(max(0.0, (max(ends) if call.answered_at is None else call.answered_at) - min(began)))
