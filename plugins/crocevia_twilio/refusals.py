"""Twilio's error codes, and what each decides.

Source: https://www.twilio.com/docs/api/errors (2026-03), and `twilio_api_v2010` of https://github.com/twilio/twilio-oai.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from attrs import frozen

from crocevia import Answer, Http, retry_after
from crocevia.errors import (
    AuthError,
    OptedOutError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
    UndeliverableError,
)


@frozen
class Decision:
    """What an error code means to us: the error's class, the next step, and when to come again."""

    error: type[RemoteError]
    do: str
    after: timedelta | None = None
    scope: str = "connection"


def _auth(do: str) -> Decision:
    return Decision(AuthError, do)


def _rejected(do: str) -> Decision:
    return Decision(RejectedError, do)


def _unreachable(do: str) -> Decision:
    return Decision(UndeliverableError, do)


def _slower(scope: str = "connection", **after: float) -> Decision:
    return Decision(ThrottledError, "it waits and is tried again", timedelta(**after), scope)


_SENDER = "the sender is not this account's, or may not send there: mend `sender` or `messaging_service_sid`"
_NUMBER = "the number is none that can be written to: look at it in the profile"
_MEDIA = "Twilio cannot take the file: check its URL, type and size, then replay it"

CODES: dict[int, Decision] = {
    # the account
    20003: _auth("put a valid auth token or API key in the settings and run `crocevia check`"),
    20005: _auth("the account is not active: see the Twilio console"),
    20006: _auth("the account may not do this: see the Twilio console"),
    20008: _auth("these are test credentials: put the account's own in the settings"),
    20404: _rejected("what it names is not there: run `crocevia check`"),
    20429: _slower(seconds=5),
    14107: _slower("send", minutes=1),
    30001: _slower("send", seconds=30),
    21611: _slower("send", minutes=1),
    63018: _slower("send", seconds=5),
    # the sender
    **dict.fromkeys((21212, 21603, 21606, 21607, 21659, 21660, 21661, 21701, 21703, 63007), _rejected(_SENDER)),
    # the customer
    21610: Decision(OptedOutError, "the customer answered STOP: only their START opens it again"),
    **dict.fromkeys((21211, 21214, 21217, 21401, 21421, 21614, 21635, 63003), _unreachable(_NUMBER)),
    21408: _unreachable("the account may not write to that country: see Geo permissions in the console"),
    21612: _unreachable("this sender cannot reach that number: use another channel"),
    30003: _unreachable("the telephone is off or out of reach: use another channel"),
    30004: _unreachable("the number does not take messages: use another channel"),
    30005: _unreachable("the number is unknown, or is in service no longer"),
    30006: _unreachable("a landline, or a carrier that cannot be reached: use another channel"),
    30007: _unreachable("the carrier took it for spam: see the console's log"),
    63001: _auth("the WhatsApp or Messenger sender's own credentials are not accepted: see the console"),
    63024: _unreachable("the customer cannot receive it on WhatsApp: use another channel"),
    63032: _unreachable("WhatsApp holds it back from this customer: answer when they write"),
    63049: _unreachable("WhatsApp limits marketing to this customer now: answer when they write"),
    63015: _unreachable("the sandbox writes only to who has joined it"),
    63016: _unreachable("more than 24 hours since the customer wrote: send an approved template"),
    # the message
    **dict.fromkeys((21602, 21605, 21617, 21619, 21623), _rejected("Twilio does not take the text: look at it")),
    **dict.fromkeys((11200, 12300, 21620, 21656, 63019, 63021), _rejected(_MEDIA)),
    **dict.fromkeys((63005, 63013, 63027, 63028), _rejected("mend the template or its variables, then replay it")),
    # calls
    **dict.fromkeys((13224, 21201, 21205, 21215, 21216), _unreachable("that number cannot be called")),
    21210: _rejected("the caller's number is not verified: mend `caller`"),
}
"""What each code decides. A code that is not here is decided by its HTTP status.

Codes from 30001 come in a message's status, rarely in the answer to a send: there they are the reason that is shown.
"""


def refusal(http: Http, answer: Answer, *, what: str) -> RemoteError:
    """The decision for an answer of 300 and above.

    Args:
        http: Whose connection is named.
        answer: What came back.
        what: What was wanted, with our id ("message 01J..."); never its text.
    """
    code = _code_of(answer)
    decision = CODES.get(code or 0)
    named = {"code": None if code is None else str(code), "status": answer.status}
    if decision is None:
        if answer.status >= 500:  # a server's error leaves open whether the call took effect
            said = f"{http.connection}: {what} got HTTP {answer.status} and no reason: it may have happened"
            return OutcomeUnknownError(said, **named)  # type: ignore[arg-type]  # one of each type
        return http.refusal(answer, code=named["code"], detail=what)  # type: ignore[arg-type]  # as above
    facts: dict[str, Any] = dict(named)
    said = f"{http.connection}: {what} was refused with Twilio's code {code} (HTTP {answer.status}): {decision.do}"
    if issubclass(decision.error, RetryableError):
        facts["after"] = retry_after(answer.headers) or decision.after
    if issubclass(decision.error, ThrottledError):
        facts["scope"] = decision.scope
    return decision.error(said, **facts)


def _code_of(answer: Answer) -> int | None:
    """The code in Twilio's error object; None when there is none."""
    try:
        body = answer.json()
    except OutcomeUnknownError:
        return None
    code = body.get("code") if isinstance(body, dict) else None
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def reason(code: str | None, text: str | None = None) -> str | None:
    """Why a message failed, for its status: `"30003: the telephone is off..."`; None where nothing is said."""
    if not code or code == "0":
        return None
    known = CODES.get(int(code)) if code.isascii() and code.isdigit() else None
    said = known.do if known else text
    return f"{code}: {said}" if said else code
