"""The core's own normal forms: E.164 for phones, lower-case for e-mail. Plugins may know better and come first."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import phonenumbers
from attrs import evolve
from email_validator import EmailNotValidError, validate_email

from crocevia import hookimpl
from crocevia.model import ContactPoint

VERSION = 2
"""Raised whenever a normal form changes; a store's claims are brought to it then, and old forms kept as aliases.

1: E.164, lower case. 2: Brazilian mobiles with their ninth digit, Mexican ones without the 1 of before 2019.
"""

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
        number = _today(phonenumbers.parse(text, region))
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number) or number.extension:
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def _today(number: phonenumbers.PhoneNumber) -> phonenumbers.PhoneNumber:
    """The form that a plan of numbers has today, where an older one of the same subscriber is still about.

    Source: Anatel, Resolução 553/2010 and its schedule to 2016: mobiles of Brazil got a 9 before their eight digits;
    landlines (2 to 5) did not, nor did what is valid without it. WhatsApp ids of accounts made before lack it.
    IFT, Plan Técnico Fundamental de Numeración (2019-08-03): numbers of Mexico have ten digits, without 044, 045 and
    the 1 after +52, which WhatsApp ids still have. Argentina's 9 is left alone: without it a number is a landline's.
    """
    digits = str(number.national_number)
    if number.country_code == 55 and len(digits) == 10 and digits[2] in "6789":
        longer = _national(number, digits[:2] + "9" + digits[2:])
        if not phonenumbers.is_valid_number(number) and phonenumbers.is_valid_number(longer):
            return longer
    if number.country_code == 52 and len(digits) == 11 and digits[0] == "1":
        shorter = _national(number, digits[1:])
        if phonenumbers.is_valid_number(shorter):
            return shorter
    return number


def _national(number: phonenumbers.PhoneNumber, digits: str) -> phonenumbers.PhoneNumber:
    return phonenumbers.PhoneNumber(
        country_code=number.country_code, national_number=int(digits), extension=number.extension
    )


@lru_cache(maxsize=65536)
def email(text: str) -> str | None:
    """The address in lower case and Unicode normal form; None when it cannot be one."""
    try:
        return validate_email(text.strip(), check_deliverability=False, allow_smtputf8=True).normalized.lower()
    except EmailNotValidError:
        return None
