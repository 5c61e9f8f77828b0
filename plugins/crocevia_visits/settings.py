"""How the tills of a shop write, and what is believed of it."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from attrs import Attribute, field, frozen, validators

from crocevia import Secret

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "receipt": ("receipt", "scontrino", "numero scontrino"),
    "till": ("till", "cassa"),
    "shop": ("shop", "negozio"),
    "date": ("date", "data", "at"),
    "time": ("time", "ora"),
    "amount": ("amount", "importo", "totale"),
    "items": ("items", "articoli"),
    "minutes": ("minutes", "minuti"),
    "type": ("type", "tipo"),
    "of": ("of", "riferimento"),
    "loyalty": ("loyalty", "tessera"),
    "email": ("email", "e-mail", "mail"),
    "phone": ("phone", "telefono", "cellulare"),
    "name": ("name", "nome"),
}
"""What a till tells, and under which headings it is looked for unless the settings name another."""

_EVERYDAY = "\r\n,;\t\"'0123456789"


def _encoding(_: object, attribute: Attribute[str], value: str) -> None:
    try:
        plain = _EVERYDAY.encode(value).removeprefix(codecs.BOM_UTF8) == _EVERYDAY.encode()
    except (LookupError, UnicodeError):
        plain = False
    if not plain:
        msg = f"'{attribute.name}' must be an encoding that has ASCII in it: 'utf-8-sig', 'cp1252', 'iso8859-15'..."
        raise ValueError(msg)


def _zone(_: object, attribute: Attribute[str], value: str) -> None:
    try:
        ZoneInfo(value)
    except (ValueError, OSError, KeyError):
        msg = f"'{attribute.name}' must be a time zone such as 'Europe/Rome'"
        raise ValueError(msg) from None


def _columns(_: object, attribute: Attribute[Mapping[str, str]], value: Mapping[str, str]) -> None:
    if unknown := sorted(set(value) - set(COLUMNS)):
        msg = f"'{attribute.name}' must be headings of {', '.join(COLUMNS)}, not of {', '.join(unknown)}"
        raise ValueError(msg)


@frozen(kw_only=True)
class Settings:
    """The tills of one shop, or of a chain of them that write alike.

    Attributes:
        files: Files of tills on this machine: a path with `*` and `?`; None: visits come over HTTP alone.
        secret: What a till that posts proves itself with; None: nothing is taken over HTTP.
        next_secret: The one that it will have, while the tills are changed one by one: both are taken.
        proof: `"hmac"`: the header holds the hexadecimal HMAC-SHA256 of the body; `"token"`: it holds the secret.
        header: Where the proof stands.
        encoding: Of CSV, in files and over HTTP.
        delimiter: Between columns; None: what the first line has most of: `;`, `,` or a tab.
        decimal: Before cents; None: a comma where columns stand between semicolons, else a point.
        date_formats: How dates are written, as Python's `strptime` has it; ISO 8601 with a zone is always understood.
        time_zone: Of dates that name none.
        columns: `{what: heading}` where a till's headings are none of the known ones.
        receipts_restart: When numbers of receipts begin again: two of the same number are two visits then.
        currency: Of amounts.
        sales: What stands in the type of a purchase, in small letters, where the till tells a type at all.
        refunds: What stands in the type of a refund.
        voids: What stands in the type of a receipt taken back.
        links: What stands in the type of a card that is linked, to an earlier receipt or to a person.
        programme: Whose loyalty cards they are; shops of one programme share them.
        trusts_loyalty: Whether a card that was read identifies a customer.
        trusts_contacts: Whether an e-mail address or phone that was typed at a till does.
        last_line_after_s: Seconds after which the last line of a file counts as whole though its end is missing.
    """

    files: Path | None = None
    secret: Secret | None = None
    next_secret: Secret | None = None
    proof: Literal["hmac", "token"] = "hmac"
    header: str = "X-Crocevia-Signature"
    encoding: str = field(default="utf-8-sig", validator=_encoding)
    delimiter: Literal[",", ";", "\t", "|"] | None = None
    decimal: Literal[",", "."] | None = None
    date_formats: tuple[str, ...] = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y")
    time_zone: str = field(default="Europe/Rome", validator=_zone)
    columns: Mapping[str, str] = field(factory=dict, validator=_columns)
    receipts_restart: Literal["never", "daily", "yearly"] = "never"
    currency: str = "EUR"
    sales: tuple[str, ...] = ("sale", "visit", "vendita", "scontrino")
    refunds: tuple[str, ...] = ("refund", "reso")
    voids: tuple[str, ...] = ("void", "annullo", "storno")
    links: tuple[str, ...] = ("link", "tessera")
    programme: str = ""
    trusts_loyalty: bool = True
    trusts_contacts: bool = False
    last_line_after_s: float = field(
        default=300.0, validator=validators.ge(1), metadata={"setting": "last_line_after_seconds"}
    )

    def headings(self, what: str) -> tuple[str, ...]:
        """Where something is looked for, in lower case."""
        named = self.columns.get(what)
        return (named.strip().lower(),) if named is not None else COLUMNS[what]
