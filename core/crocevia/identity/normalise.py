"""The core's own normal forms: E.164 for phones, lower-case for e-mail. Plugins may know better and come first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import phonenumbers
from attrs import evolve
from email_validator import EmailNotValidError, validate_email

from crocevia import hookimpl
from crocevia.model import ContactPoint

VERSION = 1
"""Raised whenever a normal form changes; old forms are kept as aliases then."""

UNREADABLE = "unreadable"
"""Scope of a phone or e-mail that is none ("ask at the desk"): kept and shown, never used to identify."""


@hookimpl(trylast=True)
def crocevia_normalise_contact_point(
    points: Sequence[ContactPoint], region: str | None
) -> Sequence[ContactPoint | None]:
    """Phones and e-mail addresses; other kinds are already as their vendor writes them."""
    return [_normal(point, region) for point in points]


def _normal(point: ContactPoint, region: str | None) -> ContactPoint | None:
    if point.kind == "phone":
        value = phone(point.value, region)
    elif point.kind == "email":
        value = email(point.value)
    else:
        return None
    if value is None:
        return evolve(point, scope=UNREADABLE, value=point.value.strip(), verified=False)
    return point if value == point.value and not point.scope else evolve(point, scope="", value=value)


@lru_cache(maxsize=65536)
def phone(text: str, region: str | None) -> str | None:
    """E.164 of a phone number as a person or vendor writes it; None when it cannot be one."""
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or number.extension:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@lru_cache(maxsize=65536)
def email(text: str) -> str | None:
    """The address in lower case and Unicode normal form; None when it cannot be one."""
    try:
        return validate_email(text.strip(), check_deliverability=False, allow_smtputf8=True).normalized.lower()
    except EmailNotValidError:
        return None
