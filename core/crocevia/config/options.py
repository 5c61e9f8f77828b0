"""The core's own settings of one connection, beside the connector's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Literal

from attrs import field, fields, frozen, validators

from crocevia.mapping.configure import Overrides

Policy = Literal["latest", "priority", "crm wins", "channel wins", "ask"]
Records = Literal["contacts", "identified", "everyone", "known"]
DEFAULT_POLICY: Policy = "latest"


@frozen(kw_only=True)
class CallBudget:
    """`[connections.NAME.budget]`: calls to a vendor's account, which others may use too.

    Attributes:
        calls: How many everybody together may make in one window; None: as the vendor's own gauge says, else no limit.
        window_seconds: How long a window is: a day, unless the vendor counts otherwise.
        share: The part of them that we may use; the rest is left to others.
        live: The part of ours that changes and polls may use; what is above is kept for replies.
        backfill: The part of ours that a backfill may use; what is above is kept for changes and replies.
        account: Connections that name the same account share its budget, and its throttling; None: it has its own.
    """

    calls: int | None = field(default=None, validator=validators.optional(validators.ge(1)))
    window_seconds: float = field(default=86_400.0, validator=[validators.ge(1), validators.le(31 * 86_400)])
    share: float = field(default=0.8, validator=[validators.gt(0), validators.le(1)])
    live: float = field(default=0.95, validator=[validators.gt(0), validators.le(1)])
    backfill: float = field(default=0.5, validator=[validators.ge(0), validators.le(1)])
    account: str | None = None

    @property
    def window(self) -> timedelta:
        """The window as a time."""
        return timedelta(seconds=self.window_seconds)


@frozen(kw_only=True)
class Options:
    """The core's own settings of one connection.

    Attributes:
        policies: `{our field: policy}` for fields that both sides changed; `"default"` for the others.
        priority: Whose value stands when two systems meet for the first time, and with the policy "priority": the
            higher one's.
        skew_guard_s: Seconds by which two clocks may differ: with the policy "latest", what lies nearer together than
            that is a tie, and so is a time in our future; a tie goes to a person.
        writes: Whether Crocevia writes to this CRM at all.
        customers: Whether a CRM record that nobody matches becomes a profile; None: as the mapping says.
        trusts_contact_points: Whether a phone or e-mail in this CRM identifies a customer.
        poll_s: Seconds between two polls.
        guard: `"read"`: read before each write where the vendor has no conditional writes.
        delete_cap: Records deleted at once in the CRM above which the connection pauses and asks.
        merges: Whether two records of one customer, found to be one here, are merged there, where the CRM can.
        deletes: Whether a customer's record is deleted there when a person deletes the customer's record in another
            CRM. It does not come back when that one is undeleted.
        records: Who gets a record there: `"contacts"`: who has contacted us in private or is identified by a verified
            phone or e-mail, or has a record in another CRM; `"identified"`: of these, who is identified; `"everyone"`:
            also who passed by in public; `"known"`: nobody new, only who is there already.
        record_as: The object of which a new customer's record is made, where the CRM keeps customers as several;
            None: the first of the connector's mapping.
        placeholders: `{object: {remote field: value}}`: what stands there while we know no value.
        budget: How many calls may be made.
        webhooks_for: Connections that this one's webhooks are kept for as well, each verified once: for a vendor that
            knows one URL for several of them. Each reads what is its own.
        stop_words: What a customer writes, alone in a message, to be sent nothing more; None: the usual words in
            several languages where the channel writes to phones, none elsewhere. An empty list: none.
        start_words: What he writes to be sent messages again; None and an empty list as for `stop_words`.
        stop_means: What such a word is about: everything (`"all"`), or `"marketing"` alone.
        marketing: Who may be sent marketing: whoever has not said no (`"opt out"`), or who has said yes (`"opt in"`).
        answers_in_public: Whether an answer to what is public goes out in public where the record in the CRM does not
            say; else it goes in private, or not at all.
        media_mb: Megabytes above which a file of a message is not fetched.
        media_http: Whether files are fetched over unencrypted HTTP too.
        most_waiting: Webhooks that may wait to be applied before further ones are asked to come again (503).
        mapping: `{object: {our field: where it is kept}}`, changes to the connector's own mapping.
    """

    policies: Mapping[str, Policy] = field(factory=dict, metadata={"setting": "policy"})
    priority: int = 0
    skew_guard_s: float = field(
        default=5.0, validator=[validators.ge(0), validators.le(86400)], metadata={"setting": "skew_guard_seconds"}
    )
    writes: bool = True
    customers: bool | None = None
    trusts_contact_points: bool = True
    poll_s: float = field(
        default=30.0, validator=[validators.gt(0), validators.le(86400)], metadata={"setting": "poll_seconds"}
    )
    guard: Literal["none", "read"] = "none"
    delete_cap: int = field(default=100, validator=validators.ge(1))
    merges: bool = False
    deletes: bool = False
    records: Records = "contacts"
    record_as: str | None = None
    placeholders: Mapping[str, Mapping[str, str | int | float | bool]] = field(factory=dict)
    budget: CallBudget = field(factory=CallBudget)
    webhooks_for: tuple[str, ...] = ()
    stop_words: tuple[str, ...] | None = None
    start_words: tuple[str, ...] | None = None
    stop_means: Literal["all", "marketing"] = "all"
    marketing: Literal["opt out", "opt in"] = "opt out"
    answers_in_public: bool = False
    media_mb: float = field(default=64.0, validator=validators.gt(0))
    media_http: bool = False
    most_waiting: int = field(default=1_000_000, validator=validators.ge(1))
    mapping: Mapping[str, Overrides] = field(factory=dict)

    def policy(self, name: str) -> Policy:
        """The policy for one of our fields."""
        return self.policies.get(name) or self.policies.get("default") or DEFAULT_POLICY


SETTING_NAMES = frozenset(a.metadata.get("setting", a.name) for a in fields(Options)) | {"kind", "enabled"}
"""What core reads in `[connections.NAME]`; a connector's own settings have other names."""
