"""Settings of the chat on one web site."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from crocevia import Secret
from crocevia.errors import ConfigError
from crocevia_webchat.hours import OpeningHours

LEAST_SECRET = 32
"""Bytes of a key for HMAC-SHA256. Source: RFC 7518 section 3.2."""
_ORIGIN = re.compile(r"https?://(\[[0-9a-f:]+\]|[a-z0-9.-]+)(:\d{1,5})?")
_COLOUR = re.compile(r"#[0-9a-f]{6}", re.IGNORECASE)


def _long(_: object, attribute: Any, value: Any) -> None:
    if value is not None and len(value.reveal().encode()) < LEAST_SECRET:
        raise ConfigError(f"{attribute.name}: expected at least {LEAST_SECRET} characters, got fewer")


def _origins(_: object, attribute: Any, value: tuple[str, ...]) -> None:
    wrong = [origin for origin in value if not _ORIGIN.fullmatch(origin)]
    if wrong:
        expected = "what browsers send: https://, a host in lower case, perhaps a port, nothing after it"
        raise ConfigError(f"{attribute.name}: expected {expected}, got {wrong[0]!r}")


def _colour(_: object, attribute: Any, value: str) -> None:
    if not _COLOUR.fullmatch(value):
        raise ConfigError(f"{attribute.name}: expected a colour like #0b57d0, got {value!r}")


@frozen(kw_only=True)
class Settings:
    """The chat of one web site, or one app.

    Attributes:
        site: Whose visitors these are ("shop.example"): the scope of their ids, never to be changed.
        secret: Signs visitors' tokens, and identities that the site's own server issues; at least 32 characters.
        previous_secret: While the secret is changed: what it signed is still taken, for as long as this stands here.
        origins: Of the pages that carry the widget, as browsers send them ("https://www.shop.example").
        name: What the widget is headed with; `""`: the site.
        greeting: First line of an empty chat by language (`{ it = "...", en = "..." }`).
        colour: Of the widget's button and head, `#rrggbb`; the text on it is black or white, whichever reads better.
        opening_hours: By day (`{ mon = "09:00-13:00 14:00-18:00" }`); empty: always open, otherwise a day that is not
            named is closed. Outside of them visitors are asked to leave an address.
        timezone: Of the opening hours.
        closed_on: Days that are closed all the same ("2026-12-25").
        open: False: closed until further notice.
        clock_skew_seconds: By so much the site's server's clock may differ from ours.
    """

    site: str
    secret: Secret = field(validator=_long)
    previous_secret: Secret | None = field(default=None, validator=_long)
    origins: tuple[str, ...] = field(default=(), validator=_origins)
    name: str = ""
    greeting: Mapping[str, str] = field(factory=dict)
    colour: str = field(default="#0b57d0", validator=_colour)
    opening_hours: Mapping[str, str] = field(factory=dict)
    timezone: str = "UTC"
    closed_on: tuple[str, ...] = ()
    open: bool = True
    clock_skew_seconds: float = 60.0
    hours: OpeningHours = field(init=False, repr=False, eq=False)

    def __attrs_post_init__(self) -> None:
        hours = OpeningHours.of(self.opening_hours, self.timezone, self.closed_on)
        object.__setattr__(self, "hours", hours)

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What signatures are checked with; new ones are made with the first."""
        return (self.secret,) if self.previous_secret is None else (self.secret, self.previous_secret)

    @property
    def title(self) -> str:
        """What the widget is headed with."""
        return self.name or self.site
