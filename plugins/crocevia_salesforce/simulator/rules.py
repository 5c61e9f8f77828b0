"""What an administrator has set up in the org: validation rules, flows, duplicate rules, field-level security.

Conditions are SOQL conditions on the record; they are held against the row as the save would leave it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import cattrs
from attrs import evolve, frozen

from crocevia_salesforce.simulator.schema import Schema, SObject


@frozen
class ValidationRule:
    """A save that leaves a record where the condition holds is refused with the message."""

    object: str
    condition: str
    message: str
    field: str | None = None


@frozen
class Flow:
    """A record-triggered flow: on these saves, where the condition holds, it sets fields in the same transaction.

    A value may contain ``{!Field}``, which stands for that field's value.
    """

    object: str
    set: dict[str, Any]
    on: tuple[str, ...] = ("create", "update")
    condition: str | None = None


@frozen
class DuplicateRule:
    """Records of one object whose fields are all equal, and not empty, are duplicates.

    ``action`` is ``block`` or ``alert``; ``Sforce-Duplicate-Rule-Header: allowSave=true`` overrides an alert.
    """

    object: str
    fields: tuple[str, ...]
    name: str = "Standard_Rule"
    action: str = "alert"
    on: tuple[str, ...] = ("create", "update")


@frozen
class Rules:
    """Everything together, as JSON gives it. ``hidden`` and ``readonly`` name ``Object.Field`` for the API user."""

    validation: tuple[ValidationRule, ...] = ()
    flows: tuple[Flow, ...] = ()
    duplicates: tuple[DuplicateRule, ...] = ()
    hidden: tuple[str, ...] = ()
    readonly: tuple[str, ...] = ()

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Rules:
        """Read rules from JSON.

        Raises:
            ValueError: A key or a shape that rules do not have.
        """
        kinds: dict[str, Any] = {
            "validation": tuple[ValidationRule, ...],
            "flows": tuple[Flow, ...],
            "duplicates": tuple[DuplicateRule, ...],
            "hidden": tuple[str, ...],
            "readonly": tuple[str, ...],
        }
        unknown = set(given) - set(kinds)
        if unknown:
            raise ValueError(f"rules: unknown keys {', '.join(sorted(unknown))}")
        converter = cattrs.Converter(forbid_extra_keys=True)
        try:
            return cls(**{key: converter.structure(value, kinds[key]) for key, value in given.items()})
        except (cattrs.BaseValidationError, TypeError) as error:
            raise ValueError("rules: " + "; ".join(cattrs.transform_error(error))) from error

    def visible(self, schema: Schema) -> Schema:
        """Return the schema as the API user sees it."""
        seen = Schema([])
        seen.objects = {name: self._visible(sobject) for name, sobject in schema.objects.items()}
        return seen

    def _visible(self, sobject: SObject) -> SObject:
        hidden = _of(self.hidden, sobject)
        readonly = _of(self.readonly, sobject)
        if not hidden and not readonly:
            return sobject
        kept = {name: entry for name, entry in sobject.fields.items() if name not in hidden}
        for name in readonly & set(kept):
            describe = {**kept[name].describe, "createable": False, "updateable": False}
            kept[name] = evolve(kept[name], createable=False, updateable=False, describe=describe)
        describe = {**sobject.describe, "fields": [entry.describe for entry in kept.values()]}
        return evolve(sobject, fields=kept, describe=describe)


def _of(names: tuple[str, ...], sobject: SObject) -> set[str]:
    prefix = sobject.name.lower() + "."
    return {name.lower().removeprefix(prefix) for name in names if name.lower().startswith(prefix)}
