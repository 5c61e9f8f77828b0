"""The Graph API, as all of Meta's products answer it: version, error codes, and what each code decides.

Source: https://developers.facebook.com/docs/graph-api/guides/error-handling and
https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes (2026-05-15).
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
from attrs import frozen

from crocevia import Answer, Http, retry_after
from crocevia.errors import (
    AuthError,
    GoneError,
    OptedOutError,
    OutcomeUnknownError,
    RejectedError,
    RemoteError,
    RetryableError,
    ThrottledError,
    UndeliverableError,
)

GRAPH_URL = "https://graph.facebook.com"
GRAPH_VERSION = "v23.0"
"""The version that the connectors are written and checked against; Meta keeps a version for about two years."""


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


def _undeliverable(do: str) -> Decision:
    return Decision(UndeliverableError, do)


def _again(do: str = "it will be tried again", **after: float) -> Decision:
    return Decision(RetryableError, do, after=timedelta(**after) if after else None)


def _slower(scope: str = "connection", **after: float) -> Decision:
    return Decision(ThrottledError, "it waits and is tried again", timedelta(**after) if after else None, scope)


_NEW_KEY = "put a valid access token in the settings and run `crocevia check`"
_PERMISSION = "give the token's system user the permission and the asset, then run `crocevia check`"
_UNSEEN = "the token does not see the number, page or account: check its id in the settings and the token's assets"
_TEMPLATE = "mend the template or its parameters, then replay it"

CODES: dict[int, Decision] = {
    # the Graph API's own
    0: _auth(_NEW_KEY),
    2: _again(minutes=1),
    3: _auth(_PERMISSION),
    4: _slower(minutes=1),
    10: _auth(_PERMISSION),
    17: _slower(minutes=1),
    32: _slower(minutes=1),
    33: _rejected("the number in the settings is gone: run `crocevia check`"),
    100: _rejected("Meta does not accept the call's parameters: look at the message, then replay it"),
    102: _auth(_NEW_KEY),
    190: _auth(_NEW_KEY),
    368: _auth("the account is restricted for a policy violation: see Business Support Home"),
    506: _rejected("the same was just sent: send it again only if meant"),
    613: _slower(minutes=1),
    80007: _slower(minutes=1),
    # messages
    130403: _undeliverable("the recipient is blocked by this number"),
    130429: _slower("send", seconds=5),
    130472: _undeliverable("Meta holds back marketing from this customer: answer when they write"),
    130497: _undeliverable("the account may not write to customers of this country"),
    131000: _again(seconds=30),
    131005: _auth(_PERMISSION),
    131008: _rejected("a required parameter is missing: look at the message, then replay it"),
    131009: _rejected("a parameter has a wrong value: look at the message, then replay it"),
    131016: _again(minutes=1),
    131021: _undeliverable("the recipient is the sending number itself"),
    131026: _undeliverable("the customer cannot receive it on WhatsApp: use another channel"),
    131030: _undeliverable("a test number writes to listed recipients only: add it in the App dashboard"),
    131031: _auth("the account is locked: see Business Support Home"),
    131035: _rejected("the account's restrictions do not allow this message"),
    131037: _auth("the number needs an approved display name: see WhatsApp Manager"),
    131042: _auth("there is a problem with the account's payment method: mend it in Billing"),
    131045: _auth("the number is not registered properly: register it again"),
    131047: _undeliverable("more than 24 hours since the customer wrote: send an approved template"),
    131048: _slower("send", hours=1),
    131049: _undeliverable("Meta limits marketing to this customer now: answer when they write"),
    131050: Decision(OptedOutError, "the customer stopped marketing messages: answer when they write"),
    131051: _rejected("this type of message is not supported"),
    131052: _rejected("Meta could not fetch the media: check its URL, then replay it"),
    131053: _rejected("Meta could not take the media: check its type and size, then replay it"),
    131056: _again(seconds=6),
    131057: _again(minutes=10),
    131060: _undeliverable("the message is not available to this recipient"),
    131062: _undeliverable("this kind of message needs the customer's phone number, which they hide"),
    # templates
    132000: _rejected(_TEMPLATE),
    132001: _rejected("there is no approved template of that name and language: see WhatsApp Manager"),
    132005: _rejected(_TEMPLATE),
    132007: _rejected(_TEMPLATE),
    132008: _rejected(_TEMPLATE),
    132012: _rejected(_TEMPLATE),
    132015: _rejected("the template is paused for low quality: see WhatsApp Manager"),
    132016: _rejected("the template was disabled for low quality: use another"),
    132068: _rejected("the flow is blocked: see WhatsApp Manager"),
    132069: _slower("send", minutes=10),
    # the number
    133004: _again(minutes=1),
    133010: _auth("the number is not registered on the Cloud API: register it"),
    135000: _rejected("Meta could not send it and does not say why: look at the message, then replay it"),
    # Messenger and Instagram
    551: _undeliverable("this person is not available now"),
    1200: _again(seconds=30),
    10900: _undeliverable("it was answered in private once, which is as often as Meta allows: answer in public"),
    10901: _undeliverable("it is too old to be answered in private: answer in public"),
    10902: _undeliverable("it cannot be answered in private: answer in public"),
    10903: _undeliverable("this person cannot be answered in private: answer in public"),
}
"""What each code decides. A code that is not here is decided by its HTTP status.

131056 is about one recipient (one message in six seconds): that message waits, the others go on.
"""

_AWAY = _undeliverable("this person does not receive messages from the page now")
_CLOSED = _undeliverable("the reply window is closed: answer when the customer writes")
SUBCODES: dict[int, Decision] = {
    1545041: _AWAY,
    2018001: _undeliverable("the page does not know this person"),
    2018008: _rejected("Meta could not fetch the file: check its URL, then replay it"),
    2018022: _slower(minutes=1),
    2018065: _CLOSED,
    2018108: _AWAY,
    2018109: _rejected("the file is larger than Meta takes: send a smaller one"),
    2018278: _CLOSED,
}
"""What a subcode decides, whatever the code: with "no permission" (10, 200) Meta says also that somebody is away, or
that the window is closed.

Source: https://developers.facebook.com/documentation/business-messaging/messenger-platform/error-codes (2026-03-18).
"""

_MISSING_OBJECT_SUBCODE = 33
_PERMISSION_CODES = range(200, 300)


def refusal(http: Http, answer: Answer, *, what: str, ours: bool = True) -> RemoteError:
    """The decision for an answer of 400 and above.

    Args:
        http: Whose connection is named.
        answer: What came back.
        what: What was wanted, with our id ("message 01J..."); never its text.
        ours: Whether what was asked about is our own account, which is always there; False: somebody's message or
            comment, which may be gone.
    """
    error = error_of(answer)
    code = error.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        return _by_status(http, answer, what)
    subcode = error.get("error_subcode")
    decision = SUBCODES.get(subcode) if isinstance(subcode, int) else None
    decision = decision or CODES.get(code)
    if code in _PERMISSION_CODES and subcode not in SUBCODES:
        decision = _auth(_PERMISSION)
    elif code == 100 and subcode == _MISSING_OBJECT_SUBCODE:
        decision = _auth(_UNSEEN) if ours else Decision(GoneError, "it is not there any more")
    elif decision is None:
        return _by_status(http, answer, what, code=str(code))
    said = f"{http.connection}: {what} was refused with Meta's code {code} (HTTP {answer.status}): {decision.do}"
    facts: dict[str, Any] = {"code": str(code), "status": answer.status}
    if issubclass(decision.error, RetryableError):
        facts["after"] = retry_after(answer.headers) or decision.after
    if issubclass(decision.error, ThrottledError):
        facts["scope"] = decision.scope
    return decision.error(said, **facts)


def error_of(answer: Answer) -> dict[str, Any]:
    """Meta's error object in an answer; an empty one when there is none."""
    try:
        body = msgspec.json.decode(answer.body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}


def _by_status(http: Http, answer: Answer, what: str, code: str | None = None) -> RemoteError:
    """A failure without a code that we know. A server's error leaves open whether the call took effect."""
    if answer.status >= 500:
        said = f"{http.connection}: {what} got HTTP {answer.status} and no reason: it may have happened"
        return OutcomeUnknownError(said, code=code, status=answer.status)
    return http.refusal(answer, code=code, detail=what)
