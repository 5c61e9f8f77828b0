"""How a simulated org is set up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import field, frozen


@frozen
class Options:
    """Settings of one org.

    Attributes:
        connection: The name that ledger lines carry.
        store: SQLite file of the records; None keeps them in memory, gone with the process.
        ledger: Folder for ``crm_calls.jsonl`` and ``crm_mutations.jsonl``; None keeps the ledger in the store alone.
        describes: Vendor describes that join the shipped objects or take the place of those of the same name.
        shipped_schema: Whether the shipped standard objects are there.
        packages: Folders in source format to deploy; None deploys Crocevia's own package, an empty tuple nothing.
        username: Of the integration user.
        password: Of the integration user, for the password flow and SOAP login; followed there by the security token.
        security_token: As above.
        client_id: Consumer key of the connected app.
        client_secret: Consumer secret of the connected app.
        public_key: PEM certificate or public key that JWT assertions are verified with; None refuses them.
        rules: Validation rules, flows, duplicate rules and field-level security (see ``Rules``).
        faults: Fault rules to begin with (see ``FaultRule``).
        seed: Of everything random: faults and the jitter of the limit header.
        daily_limit: API calls in any 24 hours.
        session_seconds: Life of an access token by the org's clock.
    """

    connection: str = "salesforce"
    store: Path | None = None
    ledger: Path | None = None
    describes: tuple[Mapping[str, Any], ...] = ()
    shipped_schema: bool = True
    packages: tuple[Path, ...] | None = None
    username: str = "integration@crocevia.example"
    password: str = "simulated"  # noqa: S105  # a simulator's, on loopback
    security_token: str = "token"  # noqa: S105  # as above
    client_id: str = "crocevia"
    client_secret: str = "simulated-secret"  # noqa: S105  # as above
    public_key: str | None = None
    rules: Mapping[str, Any] = field(factory=dict)
    faults: tuple[Mapping[str, Any], ...] = ()
    seed: int = 0
    daily_limit: int = 100_000
    session_seconds: int = 7_200
