"""How contacts and the messages in their chatter map to profiles and interactions, by default."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import attrs
from attrs import evolve, frozen

from crocevia import ObjectSchema
from crocevia.mapping import CODECS, Codec, FullName, Lens, ObjectMapping, Plain, Reference, Slots
from crocevia_odoo.html import clean, to_html, to_text
from crocevia_odoo.rows import KEY, MESSAGE, OWN_COMPANY, PARTNER, TAGS

Canonical = Mapping[str, Any]
Remote = Mapping[str, Any]


def _seconds(at: datetime) -> str:
    said: str = CODECS["datetime"].to_remote(at.replace(microsecond=0))
    return said


AT = Codec(_seconds, CODECS["datetime"].from_remote)


@frozen(kw_only=True)
class ContactName(FullName):
    """The one name of a contact, a person's or a company's; Odoo wants one."""

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """The whole name on one line."""
        return {name: _line(value).strip() or self.placeholder for name, value in super().write(canonical).items()}


@frozen(kw_only=True)
class ContactSlots(Slots):
    """Phone, mobile and e-mail, as a person wrote them."""

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Each on one line."""
        return {name: value and _line(value).strip() for name, value in super().write(canonical).items()}


@frozen(kw_only=True)
class Language(Plain):
    """The closest of the languages that are switched on in this Odoo; where none is close, none is written.

    Attributes:
        known: Their codes ("pt_BR"), from `describe()`; None: not asked yet, and any will do.
    """

    known: tuple[str, ...] | None = None

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """A code for a BCP 47 tag; None where the language is cleared."""
        tag = canonical.get(self.name)
        if not tag:
            return {self.field: None} if self.name in canonical else {}
        code = str(tag).replace("-x-", "@").replace("-", "_")
        if self.known is None:
            return {self.field: code}
        near = [known for known in self.known if known.partition("_")[0] == code.partition("_")[0]]
        plain = f"{code}_{code.upper()}"
        return {self.field: next((it for it in (code, plain) if it in near), near[0])} if near else {}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """The tag of a code."""
        code = remote.get(self.field)
        return {self.name: code and code.replace("_", "-").replace("@", "-x-")} if self.field in remote else {}

    def fit(self, schema: ObjectSchema) -> Lens:
        """With the languages that `describe` lists."""
        field = schema.fields.get(self.field)
        return self if field is None or field.options is None else evolve(self, known=field.options)


@frozen(kw_only=True)
class Body(Lens):
    """What was said, and one line for each file; of what a person wrote there, the text."""

    field: str = "body"

    @property
    def fields(self) -> tuple[str, ...]:
        """Text and attachments."""
        return ("text", "attachments")

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """A paragraph for each."""
        parts = (canonical.get(name) or "" for name in self.fields)
        return {self.field: "".join(to_html(str(part)) for part in parts) or None}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """The text alone."""
        html = remote.get(self.field)
        return {"text": None if html is None else to_text(html)} if self.field in remote else {}

    def same(self, name: str, one: Any, other: Any) -> bool:
        """Whether a person reads the same: Odoo cleans HTML, and what is fat or an image there is not ours to undo."""
        return to_text(one or "") == to_text(other or "")


@frozen(kw_only=True)
class Heading(Lens):
    """The subject; of what came over a channel, also by which, which way, and how it fares."""

    field: str = "subject"

    @property
    def fields(self) -> tuple[str, ...]:
        """What the line is made of."""
        return ("subject", "channel", "kind", "direction", "duration_s", "status", "status_detail")

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """`"whatsapp message, outbound: Your order (delivered)"`; what was born in a CRM keeps its own subject."""
        subject = canonical.get("subject") or ""
        if not canonical.get("channel"):
            return {self.field: _line(str(subject)) or None}
        said = f"{canonical['channel']} {canonical.get('kind') or 'message'}, {canonical.get('direction') or 'inbound'}"
        seconds, status = canonical.get("duration_s"), canonical.get("status")
        facts = [f"{seconds} s" if seconds is not None else "", status if status != "received" else ""]
        fares = ", ".join(str(fact) for fact in (*facts, canonical.get("status_detail")) if fact)
        return {self.field: _line(said + (f": {subject}" if subject else "") + (f" ({fares})" if fares else ""))}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """The subject, as it is."""
        return {"subject": remote[self.field]} if self.field in remote else {}


@frozen(kw_only=True)
class Author(Lens):
    """Who is shown to have written: the customer, of what came in over a channel; else Odoo's own rule."""

    field: str = "author_id"

    @property
    def fields(self) -> tuple[str, ...]:
        """What it depends on."""
        return ("profile", "direction", "channel")

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """The customer's contact."""
        incoming = canonical.get("channel") and canonical.get("direction") == "inbound"
        customer = canonical.get("profile")
        return {self.field: customer} if incoming and customer is not None else {}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Nothing: `Origin` looks at the author of what a person wrote."""
        return {}


@frozen(kw_only=True)
class Origin(Lens):
    """What a message that was born in Odoo is: a note or comment of a colleague's, or a mail."""

    field: str = "message_type"
    direction: Any = attrs.field(default="from crm")

    @property
    def fields(self) -> tuple[str, ...]:
        """Kind and direction."""
        return ("kind", "direction")

    @property
    def remote(self) -> tuple[str, ...]:
        """The one remote field."""
        return (self.field,)

    def write(self, canonical: Canonical) -> dict[str, Any]:
        """Nothing: it is set when the message is made."""
        return {}

    def read(self, remote: Remote, canonical: Canonical) -> dict[str, Any]:
        """Mail from the contact itself came in; anything else is between colleagues and is never sent on."""
        if self.field not in remote:
            return {}
        mail = remote[self.field] == "email"
        incoming = mail and remote.get("author_id") is not None and remote.get("author_id") == remote.get("res_id")
        return {"kind": "email" if mail else "note", "direction": "inbound" if incoming else "internal"}


def _line(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")


def is_customer(values: Remote) -> bool:
    """Active contacts that are neither a further address, nor a colleague, nor the company itself."""
    return bool(
        values.get("active", True)
        and values.get("type") in (None, "contact")
        and values.get("partner_share", True)
        and not values.get(OWN_COMPANY)
    )


def mappings() -> tuple[ObjectMapping, ...]:
    """The default mapping of both models."""
    places = {"phone": ("phone", "work"), "mobile": ("phone", "mobile"), "email": ("email", "main")}
    return (
        ObjectMapping(
            object=PARTNER,
            of="profile",
            key=KEY,
            lenses=(
                ContactName(field="name"),
                ContactSlots(places=places),
                Language(name="language", field="lang"),
                Plain(name="tags", field=TAGS, codec=CODECS["list"]),
            ),
            is_customer=is_customer,
        ),
        ObjectMapping(
            object=MESSAGE,
            of="interaction",
            key=KEY,
            lenses=(
                Reference(field="res_id", object=PARTNER),
                Author(direction="to crm"),
                Origin(),
                Plain(name="at", field="date", codec=AT),
                Heading(direction="to crm"),
                Body(direction="to crm"),
            ),
            constants={"model": PARTNER, "message_type": "comment", "subtype_id": "mail.mt_note"},
        ),
    )
