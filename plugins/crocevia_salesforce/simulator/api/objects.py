"""Names in addresses, as the API user sees them."""

from __future__ import annotations

from urllib.parse import unquote

from crocevia_salesforce.simulator.dml.rows import no_such_column
from crocevia_salesforce.simulator.errors import not_found
from crocevia_salesforce.simulator.org import Org
from crocevia_salesforce.simulator.schema import SObject


def named(org: Org, name: str) -> SObject:
    """Return the object that an address names.

    Raises:
        ApiError: 404 NOT_FOUND.
    """
    sobject = org.visible.get(unquote(name))
    if sobject is None or sobject.field("Id") is None:
        raise not_found()
    return sobject


def wanted_fields(sobject: SObject, names: list[str]) -> list[str]:
    """Return the field names that are asked for, in the schema's spelling.

    Raises:
        ApiError: INVALID_FIELD for one that does not exist.
    """
    found = []
    for name in names:
        head = name.split(".")[0]
        field = sobject.field(name)
        if field is None and ("." not in name or sobject.by_relationship(head) is None):
            raise no_such_column(name, sobject)
        found.append(field.name if field else name)
    return found
