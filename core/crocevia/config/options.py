"""The core's own settings of one connection, beside the connector's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from attrs import field, fields, frozen, validators

from crocevia.mapping.configure import Overrides

Policy = Literal["latest", "crm wins", "channel wins", "ask"]
DEFAULT_POLICY: Policy = "latest"


@frozen(kw_only=True)
class Options:
    """The core's own settings of one connection.

    Attributes:
        policies: `{our field: policy}` for fields that both sides changed; `"default"` for the others.
        priority: Whose value stands when two systems meet for the first time: the higher one's.
        writes: Whether Crocevia writes to this CRM at all.
        customers: Whether a CRM record that nobody matches becomes a profile; None: as the mapping says.
        trusts_contact_points: Whether a phone or e-mail in this CRM identifies a customer.
        poll_s: Seconds between two polls.
        guard: `"read"`: read before each write where the vendor has no conditional writes.
        delete_cap: Records deleted at once in the CRM above which the connection pauses and asks.
        mapping: `{object: {our field: where it is kept}}`, changes to the connector's own mapping.
    """

    policies: Mapping[str, Policy] = field(factory=dict, metadata={"setting": "policy"})
    priority: int = 0
    writes: bool = True
    customers: bool | None = None
    trusts_contact_points: bool = True
    poll_s: float = field(
        default=30.0, validator=[validators.gt(0), validators.le(86400)], metadata={"setting": "poll_seconds"}
    )
    guard: Literal["none", "read"] = "none"
    delete_cap: int = field(default=100, validator=validators.ge(1))
    mapping: Mapping[str, Overrides] = field(factory=dict)

    def policy(self, name: str) -> Policy:
        """The policy for one of our fields."""
        return self.policies.get(name) or self.policies.get("default") or DEFAULT_POLICY


SETTING_NAMES = frozenset(a.metadata.get("setting", a.name) for a in fields(Options)) | {"kind", "enabled"}
"""What core reads in `[connections.NAME]`; a connector's own settings have other names."""
