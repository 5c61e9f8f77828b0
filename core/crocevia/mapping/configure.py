"""A connector's mapping as the settings change it: fields added, moved elsewhere or left out."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, Literal

import attrs
from attrs import evolve, frozen

from crocevia.errors import ConfigError
from crocevia.mapping.codec import CODECS, Codec, picklist
from crocevia.mapping.contact_points import Slots
from crocevia.mapping.lens import Lens, LensDirection, Plain, Reference
from crocevia.mapping.object import ObjectMapping

FieldType = Literal["text", "integer", "decimal", "boolean", "date", "datetime", "list"]

OWN_FIELDS: dict[str, dict[str, FieldType]] = {
    "profile": {
        "given_name": "text",
        "family_name": "text",
        "display_name": "text",
        "language": "text",
    },
    "interaction": {
        "at": "datetime",
        "author": "text",
        "automated": "boolean",
        "born_as": "text",
        "buttons": "text",
        "channel": "text",
        "connection": "text",
        "conversation": "text",
        "direction": "text",
        "duration_s": "integer",
        "in_reply_to": "text",
        "kind": "text",
        "message_key": "text",
        "outcome": "text",
        "public": "boolean",
        "purpose": "text",
        "status": "text",
        "status_detail": "text",
        "subject": "text",
        "template": "text",
        "text": "text",
    },
}
"""Fields that core itself fills and that one remote field can hold, with their types."""


@frozen(kw_only=True)
class FieldMapping:
    """One line of `[connections.NAME.mapping.OBJECT]`: where one of our fields is kept.

    Attributes:
        field: The remote field; `""` with `places`.
        codec: Name of a codec; None: that of the connector's own mapping, else by the field's type.
        direction: None: as the connector has it, else both ways.
        options: Of a picklist: `{our value: theirs}`.
        default: Written while we know no value and theirs must not be empty; None: nothing is.
        places: For `contact_points` alone: `{remote field: (kind, slot)}`.
    """

    field: str = ""
    codec: str | None = None
    direction: LensDirection | None = None
    options: Mapping[str, str] = attrs.field(factory=dict)
    default: str | int | float | bool | None = None
    places: Mapping[str, tuple[str, str]] = attrs.field(factory=dict)


Overrides = Mapping[str, FieldMapping | None]
"""`{our field: where it is kept}`; None: nowhere."""


def configured(mapping: ObjectMapping, overrides: Overrides, fields: Mapping[str, FieldType]) -> ObjectMapping:
    """The mapping with the settings' changes.

    Args:
        mapping: The connector's own.
        overrides: What `[connections.NAME.mapping.OBJECT]` says.
        fields: The field registry: `[fields.NAME]` with their types.

    Raises:
        ConfigError: every line that cannot be, each starting with our field's name.
    """
    known = {**OWN_FIELDS[mapping.of], **(fields if mapping.of == "profile" else {})}
    problems: list[str] = []
    lenses: list[Lens] = []
    for lens in mapping.lenses:
        touched = [name for name in lens.fields if name in overrides]
        if not touched:
            lenses.append(lens)
        elif left := [name for name in lens.fields if name not in overrides]:
            problems.append(
                f"{touched[0]}: expected {', '.join(left)} to be mapped or unmapped (= false) too, as {mapping.object} "
                "keeps them together, got nothing for them"
            )
    for name, override in overrides.items():
        before = next((lens for lens in mapping.lenses if lens.fields == (name,)), None)
        if override is None:
            if not any(name in lens.fields for lens in mapping.lenses):
                problems.append(f"{name}: expected a field that {mapping.object} maps, got one that it does not")
            continue
        try:
            lenses.append(_lens(name, override, before, known))
        except ConfigError as error:
            problems.extend(error.problems)
    problems += _doubles(lenses)
    if problems:
        raise ConfigError(*problems)
    return evolve(mapping, lenses=lenses)


def _lens(name: str, override: FieldMapping, before: Lens | None, known: Mapping[str, FieldType]) -> Lens:
    if name == "contact_points":
        if not override.places:
            raise ConfigError(f'{name}: expected {{ places = {{ FIELD = ["phone", "mobile"] }} }}, got no places')
        return Slots(places=override.places, direction=override.direction or (before.direction if before else "both"))
    if override.places:
        raise ConfigError(f"{name}: expected a field, got places, which contact_points alone have")
    if not override.field:
        raise ConfigError(f"{name}: expected the name of a remote field, got none")
    if isinstance(before, Reference):
        return evolve(before, field=override.field, direction=override.direction or before.direction)
    if isinstance(before, Plain):
        return evolve(
            before,
            field=override.field,
            codec=_codec(name, override, None) or before.codec,
            direction=override.direction or before.direction,
            default=before.default if override.default is None else override.default,
        )
    if name not in known:
        raise ConfigError(f"{name}: expected {_one_of(known)}, got a field nobody knows{_near(name, known)}")
    codec = _codec(name, override, known[name]) or CODECS["text"]
    direction = override.direction or "both"
    return Plain(name=name, field=override.field, codec=codec, direction=direction, default=override.default)


def _codec(name: str, override: FieldMapping, of_type: FieldType | None) -> Codec | None:
    """The codec that is named, or that of the type; None when there is neither."""
    if override.options:
        return picklist(override.options)
    wanted = override.codec or ("semicolon list" if of_type == "list" else of_type)
    if wanted is None:
        return None
    if wanted not in CODECS:
        raise ConfigError(f"{name}.codec: expected one of {', '.join(CODECS)}, got {wanted!r}{_near(wanted, CODECS)}")
    return CODECS[wanted]


def _doubles(lenses: list[Lens]) -> list[str]:
    """Two of our fields that would be written to one of theirs."""
    written: dict[str, str] = {}
    problems = []
    for lens in lenses:
        for remote in lens.remote if lens.direction != "from crm" else ():
            first = written.setdefault(remote, lens.fields[0])
            if first != lens.fields[0]:
                problems.append(
                    f"{lens.fields[0]}: expected a field of its own, got {remote}, which holds {first} already"
                )
    return problems


def _one_of(known: Mapping[str, Any]) -> str:
    return f"one of our fields ({', '.join(sorted(known))}) or one declared as [fields.NAME]"


def _near(name: str, known: Mapping[str, Any]) -> str:
    near = get_close_matches(name, known, n=1)
    return f"; did you mean {near[0]}?" if near else ""
