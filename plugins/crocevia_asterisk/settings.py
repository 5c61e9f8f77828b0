"""Settings of one Asterisk."""

from __future__ import annotations

from typing import Literal

from attrs import Factory, field, frozen, validators

from crocevia import Secret
from crocevia.errors import ConfigError

TRUNKS = ("from-trunk*", "from-pstn*", "from-did*", "from-external*", "from-outside*", "incoming*", "inbound*")


def _some(settings: Settings, _: object, value: str) -> None:
    if settings.events == "ari" and not (value and settings.ari_user):
        raise ConfigError('events: "ari" wants base_url, ari_user and ari_secret')


@frozen(kw_only=True)
class Settings:
    """One telephone exchange.

    Attributes:
        user: Of `manager.conf` (AMI).
        secret: His.
        host: Where the exchange is.
        port: Of AMI.
        tls: Whether AMI is spoken over TLS (`tlsenable` in `manager.conf`).
        login: `"md5"` (the secret never travels) or `"plain"`, for exchanges that refuse the other.
        events: Where calls are heard: `"ami"`, or `"ari"`, whose applications are then subscribed to everything.
        base_url: Of ARI, `"http://pbx:8088/ari"`; only for `events = "ari"`, and for recordings that ARI has stored.
        ari_user: Of `ari.conf`.
        ari_secret: His.
        ari_app: The Stasis application; one that nobody else connects as.
        exchange: Whose namespace extensions are; the host unless given. Must not change later.
        trunks: Patterns of the channels (`"PJSIP/provider-*"`) or contexts that lead outside.
        phones: Patterns of the channels that are telephones of ours, where the numbers alone do not tell.
        own_numbers: Our public numbers, as the exchange shows them; whoever is called there is called from outside.
        extension_digits: Numbers up to so many digits are extensions of ours.
        outside_prefix: What is dialled before an outside number ("0"): put before what we dial, taken off what is seen.
        caller_prefix: What the exchange puts before the number of who calls; taken away.
        international_prefix: What stands for the "+" of a number that is dialled ("00"); "+" where the trunk knows it.
        trust_caller_id: Whether the number that calls identifies a customer. Numbers can be forged: see the page.
        caller_names: Whether the name that comes with a number is shown.
        internal: What becomes of calls between extensions: `"ignore"`, or `"log"`.
        agents: `{"Anna Neri": "PJSIP/201"}`: which telephone rings first when this person of the CRM wants to call.
        agent: Which rings for everybody else; "": nobody else's calls are made.
        dial_context: The context in which a number is dialled for them.
        caller_id: What the customer's telephone shows, where the exchange lets us say; "": what it says itself.
        ring_seconds: How long the agent's telephone rings.
        recording_variables: Channel variables that name a recording.
        recordings: Folder in which recordings are found, where this machine has them; "": they are named, no more.
        cdr_csv: `Master.csv` of the exchange, where this machine has it: it tells of calls that nobody heard.
        cdr_zone: Of its times; give it "UTC" and Asterisk `usegmtime = yes`, or an hour a year is told twice.
    """

    user: str
    secret: Secret
    host: str = "127.0.0.1"
    port: int = field(default=5038, validator=[validators.ge(1), validators.le(65535)])
    tls: bool = False
    login: Literal["md5", "plain"] = "md5"
    events: Literal["ami", "ari"] = "ami"
    ari_user: str = ""
    ari_secret: Secret = Factory(lambda: Secret(""))
    ari_app: str = "crocevia"
    base_url: str = field(default="", validator=_some)
    exchange: str = ""
    trunks: tuple[str, ...] = TRUNKS
    phones: tuple[str, ...] = ()
    own_numbers: tuple[str, ...] = ()
    extension_digits: int = field(default=5, validator=[validators.ge(2), validators.le(9)])
    outside_prefix: str = ""
    caller_prefix: str = ""
    international_prefix: str = "+"
    trust_caller_id: bool = True
    caller_names: bool = True
    internal: Literal["ignore", "log"] = "ignore"
    agents: dict[str, str] = field(factory=dict)
    agent: str = ""
    dial_context: str = "from-internal"
    caller_id: str = ""
    ring_seconds: int = field(default=30, validator=[validators.ge(5), validators.le(120)])
    recording_variables: tuple[str, ...] = ("MIXMONITOR_FILENAME",)
    recordings: str = ""
    cdr_csv: str = ""
    cdr_zone: str = "UTC"

    @property
    def scope(self) -> str:
        """Of contact points that mean something on this exchange only."""
        return self.exchange or self.host
