"""CRM records, what is written to them, and what each write came to."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import field, frozen

from crocevia.errors import RemoteError


@frozen(kw_only=True)
class FieldSchema:
    """One field as the CRM describes it.

    Attributes:
        type: The CRM's own type name.
        length: Longest text in characters; None: none, or not a text.
        required: A create without it fails.
        options: Allowed values of a restricted picklist; None: anything goes.
    """

    name: str
    type: str
    length: int | None = None
    required: bool = False
    createable: bool = True
    updateable: bool = True
    unique: bool = False
    options: tuple[str, ...] | None = None


@frozen(kw_only=True)
class ObjectSchema:
    """One object as the CRM describes it; `fields` by name."""

    name: str
    fields: Mapping[str, FieldSchema]


@frozen(kw_only=True)
class Record:
    """One CRM record as read. `values` as in `RecordChanged`."""

    object: str
    id: str
    values: Mapping[str, Any]
    version: str
    at: datetime


Operation = Literal["upsert", "update", "delete"]


@frozen(kw_only=True)
class Write:
    """One record to write.

    Attributes:
        operation: `"upsert"` by our key (`id` is None), `"update"` by remote id, or `"delete"` by remote id.
        key: Our external id of the record; stable for ever.
        values: `{remote field: value}`, only what differs; None clears a field. Our key and revision are
            already among them where the mapping has fields for them.
        version: The remote version the values were computed against, for conditional writes; None: none known.
    """

    object: str
    operation: Operation
    key: str
    id: str | None = None
    values: Mapping[str, Any] = field(factory=dict)
    version: str | None = None


@frozen(kw_only=True)
class Written:
    """A write that took effect. `version` None: the CRM does not say on writing."""

    id: str
    created: bool = False
    version: str | None = None


Outcome = Written | RemoteError
