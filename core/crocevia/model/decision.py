"""What the core asks a plugin to decide, and the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from attrs import field, frozen

from crocevia.model.contact_point import ContactPoint
from crocevia.model.party import Party


def _tuple(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(items)


@frozen(kw_only=True)
class Claim:
    """A profile's hold on one contact point.

    Attributes:
        profile: Id of the profile; never that of one that was merged away.
        point: As the profile holds it.
        verified: Somebody showed that the address is this customer's.
        exclusive: No other profile holds it verified; False for a landline that two share.
        blocked: The address identifies nobody (a switchboard, `noreply@`).
        shown_by: Connections that showed it.
        former: On an address that the party says was the customer's until now.
        anonymous: Of the profile neither a name nor a phone or e-mail is known.
    """

    profile: str
    point: ContactPoint
    verified: bool = True
    exclusive: bool = True
    blocked: bool = False
    shown_by: tuple[str, ...] = field(converter=_tuple, default=())
    former: bool = False
    anonymous: bool = False


@frozen
class Candidates:
    """One party to be resolved, with every claim on one of its contact points; no claims: nobody knows it.

    `merges`: the settings let customers be merged whose addresses somebody proves at once.
    """

    connection: str
    party: Party
    claims: tuple[Claim, ...] = field(converter=_tuple, default=())
    merges: bool = False


@frozen(kw_only=True)
class Customer:
    """A customer who has no record on a connection yet.

    Attributes:
        profile: Our id.
        values: Canonical values, `{our field: value}`; `contact_points` among them.
        known: Whether core would say so: a customer who has contacted us in private, who is identified by a verified
            phone or e-mail, or who has a record in some CRM; not a passer-by with a public comment.
        identified: Whether a verified phone or e-mail is known.
    """

    profile: str
    values: Mapping[str, Any]
    known: bool
    identified: bool


@frozen(kw_only=True)
class Match:
    """Who a party is.

    Attributes:
        profile: Id of the profile it belongs to; None: a new one is made.
        review: Ids of profiles that a person should compare with it; empty: nothing to review.
        merge: Ids of profiles that are the same customer: they are merged into it, unless a person has said that they
            are not.
        reason: One line for "why is this here?", without personal data ("verified phone", "two share the landline").
    """

    profile: str | None
    review: tuple[str, ...] = field(converter=_tuple, default=())
    merge: tuple[str, ...] = field(converter=_tuple, default=())
    reason: str = ""


@frozen(kw_only=True)
class Conflict:
    """A field that both sides changed since they last agreed; values are canonical.

    Attributes:
        profile: Id of the profile.
        connection: The CRM's connection.
        object: The CRM's object name.
        field: Our name of the field.
        policy: What the settings say of it: `"latest"`, `"priority"`, `"crm wins"`, `"channel wins"` or `"ask"`.
        base: What both sides last agreed on; None when they never did.
        ours: The profile's value.
        theirs: The CRM's value, decoded.
        ours_at: When ours was set; None when unknown.
        theirs_at: When theirs was set, by the CRM's clock; None when unknown.
        ours_from: Connection that gave ours; None: a person or a rule of ours.
    """

    profile: str
    connection: str
    object: str
    field: str
    policy: str
    base: Any
    ours: Any
    theirs: Any
    ours_at: datetime | None = None
    theirs_at: datetime | None = None
    ours_from: str | None = None


@frozen
class Chosen:
    """Neither side's value but this one, canonical (`"ours"` could itself be a customer's name)."""

    value: Any


Choice = Literal["ours", "theirs", "ask"] | Chosen
