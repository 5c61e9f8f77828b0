"""Who a message or call is from or to, as Twilio writes it: `+39...`, `whatsapp:+39...`, `client:anna`, `sip:...`."""

from __future__ import annotations

from crocevia import ContactPoint, Party

PHONE_ROADS = frozenset({"", "whatsapp", "rcs"})
"""What stands before a colon where a telephone number may follow; `""`: SMS, MMS and calls."""
KINDS = {
    "": "sms_sender",
    "whatsapp": "whatsapp",
    "rcs": "rcs",
    "messenger": "messenger",
    "client": "twilio_client",
    "sip": "sip",
}
"""The kind of contact point of each road where it is no number: a short code or a sender's name, an id of WhatsApp's of
who hides their number, a page's visitor, a softphone of the account's, a SIP address."""
ROADS = frozenset(KINDS)
_UNPROVEN = frozenset({"", "sip"})
"""What anybody may put there."""

WITHHELD = frozenset(
    {"+266696687", "+2562533", "+7378742833", "+86282452253", "+8656696", "anonymous", "restricted", "unknown"}
)
"""Callers who hide their number: `ANONYMOUS`, `BLOCKED`, `RESTRICTED`, `UNAVAILABLE`, `UNKNOWN` typed on a telephone.

Source: https://www.twilio.com/docs/voice/twiml#request-parameters and Twilio's help on calls from +266696687 (2026).
"""


def split(address: str) -> tuple[str, str]:
    """`"whatsapp:+39..."` as road and address; a plain number is of the road `""`."""
    road, colon, rest = address.partition(":")
    return (road.lower(), rest) if colon else ("", address)


def is_phone(text: str) -> bool:
    """Whether it is a number in the international form; short codes and names of senders are not."""
    return text.startswith("+") and text[1:].isascii() and text[1:].isdigit()


def point(address: str, ours: str = "") -> ContactPoint | None:
    """The contact point of an address; None for who hides it, and for a road that is not known.

    Args:
        address: The customer's.
        ours: What it was exchanged with: a Messenger id means something only on its page.
    """
    road, rest = split(address)
    if not rest or rest.lower() in WITHHELD or road not in ROADS:
        return None
    if road in PHONE_ROADS and is_phone(rest):
        return ContactPoint("phone", "", rest)
    value = rest.partition(";")[0].lower() if road == "sip" else rest
    scope = split(ours)[1] if road == "messenger" else ""
    return ContactPoint(KINDS[road], scope, value, verified=road not in _UNPROVEN)


def party(address: str, ours: str = "", name: str | None = None) -> Party:
    """Who has this address; nobody in particular where it is hidden."""
    found = point(address, ours)
    return Party((found,) if found else (), name=name)
