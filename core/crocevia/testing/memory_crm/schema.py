"""The shapes of the in-memory CRM: one roomy, one that loses."""

from __future__ import annotations

from collections.abc import Mapping

from crocevia.mapping import CODECS, Children, FullName, Lens, Names, ObjectMapping, Plain, Reference, Slots
from crocevia.model import FieldSchema, ObjectSchema

PERSON = "Person"
LEAD = "Lead"
TOUCH = "Touch"
KEY = "crocevia_key"
REVISION = "crocevia_revision"
MOBILE, PHONE = PHONES = ("mobile", "phone")
EMAIL, MAIL = "email", "mail"
ROWS = "reachable"

_OWN = (FieldSchema(name=KEY, type="text", length=80, unique=True), FieldSchema(name=REVISION, type="integer"))
_TOUCH_TEXTS = {
    "connection": 40,
    "channel": 40,
    "author": 80,
    "kind": 20,
    "direction": 10,
    "subject": 80,
    "conversation": 200,
    "message_id": 200,
    "in_reply_to": 200,
    "status": 10,
    "status_detail": 80,
}
_CANONICAL = {"message_id": "message_key"}


def schemas(*, lossy: bool, keyed: bool, leads: bool = False) -> Mapping[str, ObjectSchema]:
    """The objects as `describe` tells them; without a key field where the CRM keeps none of ours."""
    own = _OWN if keyed else ()
    person = (
        *own,
        *((_text("name", 30, required=True), FieldSchema(name=ROWS, type="rows")) if lossy else _roomy_person()),
        _text("tags", 255),
        FieldSchema(name="score", type="integer"),
    )
    touch = (
        *own,
        FieldSchema(name="person", type="reference"),
        FieldSchema(name="at", type="datetime"),
        _text("text", 60 if lossy else 32_000),
        *(_text(name, length) for name, length in _TOUCH_TEXTS.items()),
    )
    return {
        name: ObjectSchema(name=name, fields={field.name: field for field in fields})
        for name, fields in ((PERSON, person), (TOUCH, touch), (LEAD, (*person, _text("company", 80, required=True))))
        if leads or name != LEAD
    }


def mappings(*, lossy: bool, keyed: bool, customers: bool, leads: bool = False) -> tuple[ObjectMapping, ...]:
    """The lenses over those shapes."""
    person: tuple[Lens, ...]
    if lossy:
        person = (
            FullName(field="name"),
            Children(
                field=ROWS, types={MOBILE: ("phone", "mobile"), PHONE: ("phone", "work"), MAIL: ("email", "main")}
            ),
        )
    else:
        places: dict[str, tuple[str, str]] = {
            MOBILE: ("phone", "mobile"),
            PHONE: ("phone", "work"),
            EMAIL: ("email", "main"),
        }
        person = (Names(given="first", family="last"), Slots(places=places))
    own = {"key": KEY, "revision": REVISION} if keyed else {"key": None, "revision": None}
    people = [
        ObjectMapping(
            object=name,
            of="profile",
            lenses=(*person, Plain(name="tags", field="tags", codec=CODECS["semicolon list"])),
            customers=customers,
            **own,
        )
        for name in ((PERSON, LEAD) if leads else (PERSON,))
    ]
    return (
        *people,
        ObjectMapping(
            object=TOUCH,
            of="interaction",
            lenses=(
                Reference(field="person", object=PERSON, also=(LEAD,) if leads else ()),
                Plain(name="at", field="at", codec=CODECS["datetime"]),
                Plain(name="text", field="text"),
                *(Plain(name=_CANONICAL.get(name, name), field=name) for name in _TOUCH_TEXTS),
            ),
            **own,
        ),
    )


def _roomy_person() -> tuple[FieldSchema, ...]:
    return (
        _text("first", 40),
        _text("last", 80, required=True),
        *(_text(name, 40) for name in PHONES),
        _text(EMAIL, 80),
    )


def _text(name: str, length: int, *, required: bool = False) -> FieldSchema:
    return FieldSchema(name=name, type="text", length=length, required=required)
