"""The child rows of a record: one `Identity__c` for each contact point that the record has no field for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import Any

OBJECT = "Identity__c"
RELATIONSHIP = "Identities__r"
"""The child relationship of every object that has identities; it stands for a field of the record."""
KIND, SCOPE, ADDRESS = COLUMNS = ("Kind__c", "Scope__c", "Address__c")
PARENTS = {"Contact": "Contact__c", "Lead": "Lead__c", "Account": "Account__c"}
"""`{object: lookup of Identity__c to it}`."""
Identity = tuple[str, str, str]


def rows_of(children: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """Sorted `[kind, scope, address]` of child records, each once; those without an address say nothing."""
    found = {(row[KIND] or "", row[SCOPE] or "", row[ADDRESS]) for row in children if row.get(ADDRESS)}
    return [list(row) for row in sorted(found)]


def key_of(parent: str, identity: Identity) -> str:
    """Our external id of one child row: the same for ever, and no customer's address in clear."""
    return blake2b("\0".join((parent, *identity)).encode("utf-8", "surrogatepass"), digest_size=20).hexdigest()
