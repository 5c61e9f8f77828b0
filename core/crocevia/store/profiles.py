"""Profiles and the contact points they claim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from attrs import define, field
from sqlalchemy.engine import Connection

from crocevia.model import ContactPoint
from crocevia.store.database import Store
from crocevia.store.ids import RowIds
from crocevia.store.json import dumps, loads
from crocevia.store.rows import Among, Insert, Update, Values, selecting
from crocevia.store.tables import claim_aliases, claims, profiles


@define
class ClaimRow:
    """One claim; `stored` is False until it was written, `changed` True while it differs from what is stored."""

    id: int
    profile_id: int
    address: str
    slot: str = ""
    shown: str = ""
    position: int = 0
    listed: bool = True
    verified: bool = False
    shared: bool = False
    shown_by: dict[str, bool] = field(factory=dict)
    since: int = 0
    stored: bool = False
    changed: bool = True

    @property
    def point(self) -> ContactPoint:
        """The claim as a contact point of its profile."""
        kind, scope, value = ContactPoint.parts(self.address)
        return ContactPoint(kind, scope, value, self.verified, self.slot, self.shown)


@define
class ProfileRow:
    """One profile with its claims, as a batch holds it in memory."""

    id: int
    uid: str
    revision: int = 1
    fields: dict[str, Any] = field(factory=dict)
    origins: dict[str, list[Any]] = field(factory=dict)
    deserving: bool = False
    merged_into: int | None = None
    created_at: int = 0
    changed_at: int = 0
    claims: dict[str, ClaimRow] = field(factory=dict)
    stored: bool = False
    changed: bool = True
    changed_fields: set[str] = field(factory=set)
    dropped: list[ClaimRow] = field(factory=list)

    @property
    def listed(self) -> list[ClaimRow]:
        """The claims shown on the profile, in order."""
        return sorted((claim for claim in self.claims.values() if claim.listed), key=lambda c: (c.position, c.address))

    @property
    def anonymous(self) -> bool:
        """Whether nothing is known of who it is: no name, and no address that is more than a vendor's id."""
        named = any(self.fields.get(name) for name in ("given_name", "family_name", "display_name"))
        return not named and not any(address.startswith(("phone|", "email|")) for address in self.claims)

    def canonical(self) -> dict[str, Any]:
        """The profile in canonical values: its fields, and `contact_points` in order."""
        return {**self.fields, "contact_points": tuple(claim.point for claim in self.listed)}


def load(connection: Connection, ids: Collection[int]) -> dict[int, ProfileRow]:
    """Profiles by id, claims included; of a merged one, the row as it is (follow `merged_into`)."""
    found = {row[0]: _profile(row) for row in _BY_ID.rows(connection, ids)}
    for row in _CLAIMS.rows(connection, found):
        found[row[1]].claims[row[2]] = _claim(row)
    return found


def load_canonical(connection: Connection, ids: Collection[int]) -> dict[int, ProfileRow]:
    """Profiles by id, each replaced by the one it was merged into, however many merges ago."""
    found = load(connection, ids)
    while missing := {row.merged_into for row in found.values() if row.merged_into and row.merged_into not in found}:
        found.update(load(connection, missing))
    return {wanted: _survivor(found, wanted) for wanted in ids if wanted in found}


def holders(connection: Connection, addresses: Collection[str]) -> dict[str, list[int]]:
    """For each address that is claimed, the ids of the profiles that claim it, oldest first."""
    found: dict[str, list[int]] = {}
    for address, profile_id in _HOLDERS.rows(connection, addresses):
        found.setdefault(address, []).append(profile_id)
    return found


def alias(store: Store, connection: Connection, rows: Collection[tuple[str, int, str]]) -> None:
    """Keep older forms of addresses: `(old, profile id, new)`."""
    if rows:
        values = [{"address": old, "profile_id": profile, "now": new} for old, profile, new in rows]
        connection.execute(store.insert(claim_aliases).on_conflict_do_nothing(), values)


def current(connection: Connection, addresses: Collection[str]) -> dict[str, str]:
    """The form of today of those addresses that are in an older one."""
    return dict(tuple(row) for row in _ALIASES.rows(connection, addresses))


def phones_and_mails(connection: Connection, after: int, most: int) -> list[tuple[int, int, str]]:
    """`(claim id, profile id, address)` of claims on phones and e-mails, in the order of their ids."""
    statement = (
        sa.select(claims.c.id, claims.c.profile_id, claims.c.address)
        .where(claims.c.id > after)
        .where(sa.or_(claims.c.address.like("phone|%"), claims.c.address.like("email|%")))
        .order_by(claims.c.id)
        .limit(most)
    )
    return [(row.id, row.profile_id, row.address) for row in connection.execute(statement)]


def ids_of(connection: Connection, uids: Sequence[str]) -> dict[str, int]:
    """Row ids of profiles by external id; the unknown are left out."""
    return dict(tuple(row) for row in _IDS.rows(connection, uids))


def save(connection: Connection, rows: Iterable[ProfileRow]) -> None:
    """Write what is new or changed, in few statements."""
    rows = list(rows)
    _INSERT_PROFILES(connection, [_profile_values(row) for row in rows if not row.stored])
    _UPDATE_PROFILES(connection, [(*_profile_values(row)[2:8], row.id) for row in rows if row.stored and row.changed])
    _save_claims(connection, rows)
    for row in rows:
        row.stored, row.changed = True, False


_INSERT_PROFILES = Insert(profiles, tuple(column.name for column in profiles.c))
_UPDATE_PROFILES = Update(profiles, ("revision", "fields", "origins", "deserving", "merged_into", "changed_at"))
_INSERT_CLAIMS = Insert(claims, tuple(column.name for column in claims.c))
_UPDATE_CLAIMS = Update(claims, ("slot", "shown", "position", "listed", "verified", "shared", "shown_by"))
_DROP_CLAIMS = Among("DELETE FROM claims WHERE id {among}")
_BY_ID = Among(selecting(profiles) + " WHERE id {among}")
_CLAIMS = Among(selecting(claims) + " WHERE profile_id {among} ORDER BY id")
_HOLDERS = Among("SELECT address, profile_id FROM claims WHERE address {among} ORDER BY id")
_ALIASES = Among("SELECT address, now FROM claim_aliases WHERE address {among}")
_IDS = Among("SELECT uid, id FROM profiles WHERE uid {among}")


def _save_claims(connection: Connection, rows: list[ProfileRow]) -> None:
    gone = [claim.id for row in rows for claim in row.dropped if claim.stored]
    _DROP_CLAIMS.run(connection, gone)
    held = [claim for row in rows for claim in row.claims.values()]
    _INSERT_CLAIMS(connection, [_claim_values(claim) for claim in held if not claim.stored])
    _UPDATE_CLAIMS(
        connection, [(*_claim_values(claim)[3:10], claim.id) for claim in held if claim.stored and claim.changed]
    )
    for row in rows:
        row.dropped.clear()
    for claim in held:
        claim.stored, claim.changed = True, False


def new_claim(ids: RowIds, profile: ProfileRow, point: ContactPoint, at: int) -> ClaimRow:
    """Add a claim to a profile in memory."""
    claim = ClaimRow(
        id=next(ids),
        profile_id=profile.id,
        address=point.address,
        slot=point.slot,
        shown=point.shown,
        position=1 + max((claim.position for claim in profile.claims.values()), default=-1),
        verified=point.verified,
        since=at,
    )
    profile.claims[claim.address] = claim
    return claim


def _survivor(found: dict[int, ProfileRow], wanted: int) -> ProfileRow:
    row = found[wanted]
    while row.merged_into is not None:
        row = found[row.merged_into]
    return row


def _profile(row: Any) -> ProfileRow:
    return ProfileRow(
        row[0],
        row[1],
        row[2],
        loads(row[3]),
        loads(row[4]),
        bool(row[5]),
        row[6],
        row[8],
        row[7],
        stored=True,
        changed=False,
    )


def _profile_values(row: ProfileRow) -> Values:
    return (
        row.id,
        row.uid,
        row.revision,
        dumps(row.fields),
        dumps(row.origins),
        int(row.deserving),
        row.merged_into,
        row.changed_at,
        row.created_at,
    )


_make: Callable[..., ClaimRow] = ClaimRow


def _claim(row: Any) -> ClaimRow:
    return _make(
        *row[:6],
        bool(row[6]),
        bool(row[7]),
        bool(row[8]),
        loads(row[9]),
        row[10],
        stored=True,
        changed=False,
    )


def _claim_values(claim: ClaimRow) -> Values:
    return (
        claim.id,
        claim.profile_id,
        claim.address,
        claim.slot,
        claim.shown,
        claim.position,
        int(claim.listed),
        int(claim.verified),
        int(claim.shared),
        dumps(claim.shown_by),
        claim.since,
    )
