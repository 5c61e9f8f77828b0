"""How parties and interactions of Tryton map to profiles and interactions, by default."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve, frozen

from crocevia import ContactPoint
from crocevia.mapping import CODECS, Children, Codec, FullName, ObjectMapping, Plain, Reference, picklist
from crocevia_tryton.rows import CONTACTS, INTERACTION, PARTY

# Source: trytond 8.2, fields.Char.forbidden_chars; PostgreSQL's text cannot hold NUL.
_NOT_IN_A_LINE = dict.fromkeys(map(ord, "\t\n\r\x0b\x0c"), " ") | {0: None}
_NOT_IN_A_TEXT = {0: None}

# Source: trytond 8.2, ir/lang.xml. A language that an administrator added is read but not written.
_LANGUAGES = frozenset(
    "bg ca cs de en es es_419 et fa fi fr hu id it lo lt nl pl pt ro ru sl tr uk zh_CN".split()  # noqa: SIM905 - one line
)


def _line(text: str) -> str:
    return text.translate(_NOT_IN_A_LINE)


def _language(tag: str) -> str | None:
    """The closest language that Tryton has for a BCP 47 tag; None: none."""
    code = tag.replace("-", "_")
    return next((known for known in (code, code.partition("_")[0]) if known in _LANGUAGES), None)


LINE = Codec(_line, str)
TEXT = Codec(lambda text: text.translate(_NOT_IN_A_TEXT), str)
LANGUAGE = Codec(_language, lambda code: code.replace("_", "-"))
SECONDS = Codec(round, float)
STATUS = picklist({"to send": "to_send"})


@frozen(kw_only=True)
class PartyName(FullName):
    """The one name of a party, on one line."""

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """The whole name without line breaks."""
        return {name: _line(value) for name, value in super().write(canonical).items()}


@frozen(kw_only=True)
class ContactMechanisms(Children):
    """Contact mechanisms in the form that Tryton gives to what is entered: E.164, e-mail domains in lower case."""

    def write(self, canonical: Mapping[str, Any]) -> dict[str, Any]:
        """One row for each phone and e-mail address."""
        return super().write(_holding(canonical, [_as_entered(point) for point in _points(canonical)]))

    def merge(
        self, base: Mapping[str, Any], remote: Mapping[str, Any], canonical: Mapping[str, Any], *, theirs_first: bool
    ) -> dict[str, Any]:
        """Row by row; points that stay keep the way in which they were shown elsewhere."""
        ours = _points(canonical)
        entered = [_as_entered(point) for point in ours]
        merged = super().merge(base, remote, _holding(canonical, entered), theirs_first=theirs_first)
        originals = {id(form): point for form, point in zip(entered, ours, strict=True)}
        return {"contact_points": tuple(originals.get(id(point), point) for point in merged["contact_points"])}


def _points(canonical: Mapping[str, Any]) -> tuple[ContactPoint, ...]:
    return tuple(canonical.get("contact_points") or ())


def _holding(canonical: Mapping[str, Any], points: list[ContactPoint]) -> Mapping[str, Any]:
    """The same profile with its contact points in Tryton's form; without any opinion on them where it has none."""
    return {**canonical, "contact_points": points} if "contact_points" in canonical else canonical


def _as_entered(point: ContactPoint) -> ContactPoint:
    if point.kind == "phone":
        return evolve(point, shown="")
    if point.kind == "email":
        name, at, domain = point.text.rpartition("@")
        return evolve(point, shown=name + at + domain.lower())
    return point


def mappings() -> tuple[ObjectMapping, ...]:
    """The default mapping of both models."""
    lines = (
        "connection",
        "channel",
        "direction",
        "kind",
        "subject",
        "conversation",
        "status_detail",
        "in_reply_to",
        "author",
    )
    types = {"mobile": ("phone", "mobile"), "phone": ("phone", "work"), "email": ("email", "main")}
    return (
        ObjectMapping(
            object=PARTY,
            of="profile",
            key="crocevia_key",
            revision="crocevia_revision",
            lenses=(
                PartyName(field="name", placeholder=""),  # Tryton requires no name
                ContactMechanisms(field=CONTACTS, types=types),
                Plain(name="language", field="lang", codec=LANGUAGE),
            ),
            is_customer=_is_active,
        ),
        ObjectMapping(
            object=INTERACTION,
            of="interaction",
            key="key",
            revision="revision",
            lenses=(
                Reference(field="party", object=PARTY),
                *(Plain(name=name, field=name, codec=LINE) for name in lines),
                Plain(name="at", field="occurred_at", codec=CODECS["datetime"]),
                Plain(name="duration_s", field="duration_seconds", codec=SECONDS),
                Plain(name="text", field="body", codec=TEXT),
                Plain(name="attachments", field="attachments", codec=TEXT, direction="to crm"),
                Plain(name="message_key", field="message_id", codec=LINE),
                Plain(name="status", field="status", codec=STATUS),
            ),
        ),
    )


def _is_active(values: Mapping[str, Any]) -> bool:
    return bool(values.get("active", True))
