"""What stands in a CRM where it requires a value and we know none."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from crocevia.errors import ConfigError
from crocevia.mapping.lens import FullName, Lens, Names, Plain
from crocevia.mapping.object import ObjectMapping


def with_placeholders(mapping: ObjectMapping, placeholders: Mapping[str, Any]) -> ObjectMapping:
    """The mapping with the settings' placeholders.

    A lens writes its placeholder while our value is missing or was cleared, and gives the field back as soon as there
    is one. A field that no lens writes is set once, when a record is made.

    Args:
        mapping: As the other settings change it.
        placeholders: `{remote field: value}`.

    Raises:
        ConfigError: a field cannot have a placeholder; one line each, starting with its name.
    """
    problems: list[str] = []
    lenses: list[Lens] = []
    taken: set[str] = set()
    for lens in mapping.lenses:
        mine = [name for name in lens.remote if name in placeholders] if lens.direction != "from crm" else []
        taken.update(mine)
        lenses.append(_with(lens, mine, placeholders, problems))
    problems += [
        f"{name}: expected another field, got our own mark"
        for name in (mapping.key, mapping.revision)
        if name in placeholders
    ]
    if problems:
        raise ConfigError(*problems)
    constants = {name: value for name, value in placeholders.items() if name not in taken}
    return evolve(mapping, lenses=lenses, constants={**mapping.constants, **constants})


def _with(lens: Lens, names: list[str], placeholders: Mapping[str, Any], problems: list[str]) -> Lens:
    for name in names:
        value = placeholders[name]
        if isinstance(lens, Plain):
            lens = evolve(lens, default=value)
        elif isinstance(lens, FullName | Names) and name == lens.remote[-1] and isinstance(value, str) and value:
            lens = evolve(lens, placeholder=value)
        else:
            problems.append(f"{name}: expected a field that one value can fill, got {', '.join(lens.fields)}")
    return lens
