"""Every mapped field against what the CRM describes: it exists, its type and length, who may write it, what must be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any

from crocevia.connector import Finding
from crocevia.mapping.codec import AS_IS, CODECS
from crocevia.mapping.configure import OWN_FIELDS, FieldType
from crocevia.mapping.lens import Lens, Plain
from crocevia.mapping.object import ObjectMapping
from crocevia.model import FieldSchema, ObjectSchema

_SORTS = {
    "number": "integer double decimal currency percent float int long number numeric biginteger money",
    "boolean": "boolean checkbox bool",
    "date": "date",
    "datetime": "datetime timestamp",
    "text": "string textarea text char varchar email phone url picklist combobox selection multipicklist "
    "multiselection encryptedstring fulltext",
}
"""What vendors call their types, by what they hold; a type that is not here fits anything."""
_SORT_OF = {name: sort for sort, names in _SORTS.items() for name in names.split()}
_FITTING: dict[FieldType, frozenset[str]] = {
    "text": frozenset({"text"}),
    "integer": frozenset({"number"}),
    "decimal": frozenset({"number"}),
    "boolean": frozenset({"boolean"}),
    "date": frozenset({"date"}),
    "datetime": frozenset({"datetime"}),
    "list": frozenset({"text"}),
}


def check_mapping(
    mapping: ObjectMapping, schema: ObjectSchema, fields: Mapping[str, FieldType], *, writes: bool = True
) -> Iterator[Finding]:
    """One finding for each mapped field, for our key and revision, and for each required field that nobody fills.

    Args:
        mapping: As the settings change it.
        schema: What the CRM describes.
        fields: The field registry.
        writes: Whether the connection writes at all; else nothing needs to be writable.
    """
    types = {**OWN_FIELDS[mapping.of], **fields}
    for lens in mapping.lenses:
        for name in lens.remote:
            yield _field(mapping, lens, name, schema, types, writes=writes)
    for mark in (mapping.key, mapping.revision):
        if mark is not None:
            yield _own(mapping, mark, schema, writes=writes)
    if writes:
        for name, value in mapping.constants.items():
            yield _constant(mapping, name, value, schema)
        yield from _required(mapping, schema)


def _field(
    mapping: ObjectMapping, lens: Lens, name: str, schema: ObjectSchema, types: Mapping[str, FieldType], *, writes: bool
) -> Finding:
    what = f"{mapping.object}.{name}"
    described = schema.fields.get(name)
    ours = ", ".join(lens.fields)
    if described is None:
        step = f"create it in the CRM, or map {ours} to another field or to false"
        told = f"{mapping.object} has no such field{_near(name, schema)}: {step}"
        left_out = f"it is not there, so {ours} is left out: create it in the CRM"
        return Finding(
            level="warning" if lens.optional else "problem", what=what, do=left_out if lens.optional else told
        )
    if isinstance(lens, Plain) and (wrong := _wrong_type(lens, described, types)):
        return Finding(level="problem", what=what, do=wrong)
    written = writes and lens.direction != "from crm"
    if written and not described.createable and not described.updateable:
        step = f'give the user the right to write it, or set direction = "from crm" for {ours}'
        return Finding(level="problem", what=what, do=f"it cannot be written: {step}")
    if written and not described.updateable:
        return Finding(
            level="warning", what=what, do=f"it is written when a record is made, and never changed: {ours} stays"
        )
    if written and not described.createable:
        return Finding(level="warning", what=what, do=f"it cannot be set when a record is made: {ours} follows later")
    return Finding(level="ok", what=f"{what} (texts are cut at {described.length})" if described.length else what)


def _wrong_type(lens: Plain, described: FieldSchema, types: Mapping[str, FieldType]) -> str | None:
    """What is wrong with a type; None where nothing is, or where nobody can tell."""
    ours, sort = types.get(lens.name), _SORT_OF.get(described.type.lower())
    if ours is None or sort is None or lens.codec.options is not None or sort in _FITTING[ours]:
        return None
    if not _is_default_codec(lens, ours):
        return None  # a codec of its own knows what it writes
    return f"it is a {described.type}, and {lens.name} is a {ours}: map it to another field, or name a codec that fits"


def _is_default_codec(lens: Plain, ours: FieldType) -> bool:
    return lens.codec in (AS_IS, CODECS["semicolon list" if ours == "list" else ours])


def _constant(mapping: ObjectMapping, name: str, value: Any, schema: ObjectSchema) -> Finding:
    """A value that every new record is given: the mapping's own, or a placeholder of the settings."""
    what = f"{mapping.object}.{name}"
    described = schema.fields.get(name)
    if described is None:
        told = f"{mapping.object} has no such field{_near(name, schema)}: create it in the CRM, or mend the placeholder"
        return Finding(level="problem", what=what, do=told)
    if not described.createable:
        step = "give the user the right to write it, or leave the placeholder out"
        return Finding(level="problem", what=what, do=f"it cannot be set when a record is made: {step}")
    sort = _SORT_OF.get(described.type.lower())
    if sort in _SORTS_OF_VALUES and sort not in _sorts(value):
        step = f"write another placeholder than {value!r}"
        return Finding(level="problem", what=what, do=f"it is a {described.type}: {step}")
    if described.options is not None and value not in described.options:
        step = f"give it one of its values as placeholder, not {value!r}"
        return Finding(level="problem", what=what, do=f"it is a list to choose from: {step}")
    if described.length and isinstance(value, str) and len(value) > described.length:
        step = f"write a shorter placeholder than {value!r}"
        return Finding(level="problem", what=what, do=f"it holds {described.length} characters: {step}")
    return Finding(level="ok", what=f"{what} (set when a record is made)")


_SORTS_OF_VALUES = ("number", "boolean", "text")


def _sorts(value: Any) -> tuple[str, ...]:
    """What may hold a value as the settings have it."""
    if isinstance(value, bool):
        return ("boolean",)
    return ("number",) if isinstance(value, int | float) else ("text",)


def _near(name: str, schema: ObjectSchema) -> str:
    near = get_close_matches(name, schema.fields, n=1, cutoff=0.75)
    return f" (did you mean {near[0]}?)" if near else ""


def _own(mapping: ObjectMapping, name: str, schema: ObjectSchema, *, writes: bool) -> Finding:
    what = f"{mapping.object}.{name}"
    described = schema.fields.get(name)
    if described is None:
        return Finding(
            level="problem", what=what, do=f"{mapping.object} has no such field, where Crocevia keeps its mark"
        )
    if writes and not (described.createable and described.updateable):
        return Finding(
            level="problem", what=what, do="Crocevia keeps its mark there: give the user the right to write it"
        )
    if name == mapping.key and not described.unique:
        return Finding(level="problem", what=what, do="it is not unique, and must be: it is what prevents doubles")
    return Finding(level="ok", what=what)


def _required(mapping: ObjectMapping, schema: ObjectSchema) -> Iterator[Finding]:
    """Required fields that no lens writes: every create would be refused."""
    filled = {name for lens in mapping.lenses if lens.direction != "from crm" for name in lens.remote}
    filled |= {mapping.key or "", mapping.revision or "", *mapping.constants}
    for name, described in sorted(schema.fields.items()):
        if described.required and described.createable and name not in filled:
            do = f"{mapping.object} requires it, and nothing is mapped to it: map one of our fields with a default"
            yield Finding(level="problem", what=f"{mapping.object}.{name}", do=do)
