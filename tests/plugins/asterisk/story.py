"""Calls made up event by event, as an exchange would tell them."""

from typing import Any

from attrs import define, field

from crocevia import Event, Secret
from crocevia_asterisk import Settings
from crocevia_asterisk.ledger import LINGER_S, Leaf, Ledger
from crocevia_asterisk.reading import events
from crocevia_asterisk.told import Told, from_packet

BEGAN_S = 1_795_300_000.0


def make_settings(**changed: Any) -> Settings:
    """As `crocevia.toml` would give them: an office in Bologna whose provider is a SIP trunk."""
    given: dict[str, Any] = {
        "user": "crocevia",
        "secret": Secret("s3cret"),
        "host": "pbx",
        "trunks": ("PJSIP/trunk-*",),
    }
    return Settings(**{**given, **changed})


@define
class Story:
    """Tells events one after the other, `then` so many seconds apart, and hears them at once.

    Attributes:
        linked: The linked id of each channel, by uniqueid; change it to have the exchange change it.
        leaves: What the ledger told so far.
    """

    settings: Settings = field(factory=make_settings)
    now: float = BEGAN_S
    told: list[Told] = field(factory=list)
    leaves: list[Leaf] = field(factory=list)
    linked: dict[str, str] = field(factory=dict)
    _channels: dict[str, dict[str, str]] = field(factory=dict)
    _ledger: Ledger | None = None

    @property
    def ledger(self) -> Ledger:
        """Who listens."""
        if self._ledger is None:
            self._ledger = Ledger.at(None, self.settings)
        return self._ledger

    def then(self, seconds: float) -> "Story":
        """Time passes."""
        self.now += seconds
        self.leaves.extend(self.ledger.sweep(self.now))
        return self

    def say(self, name: str, **head: str) -> "Story":
        """One event, with any keys."""
        told = from_packet({"Event": name, **head}, self.now, self.settings.recording_variables)
        assert told is not None, name
        self.told.append(told)
        self.leaves.extend(self.ledger.hear(told))
        return self

    def channel(self, id_: str, channel: str, *, of: str = "", state: str = "4", **head: str) -> "Story":
        """A channel begins: somebody calls (`state="4"`), or is called (`"0"`) in call `of`."""
        self.linked[id_] = of or id_
        self._channels[id_] = {"Channel": channel, **head}
        return self.at(id_, "Newchannel", ChannelState=state, **head)

    def at(self, id_: str, name: str, **head: str) -> "Story":
        """An event of a channel."""
        known = {"Channel": self._channels[id_]["Channel"], "Uniqueid": id_, "Linkedid": self.linked[id_]}
        return self.say(name, **{**known, **head})

    def dial(self, caller: str, called: str, channel: str, string: str = "") -> "Story":
        """A channel has the exchange call another one, which rings."""
        self.channel(called, channel, of=self.linked[caller], state="0")
        return self._dialled("DialBegin", caller, called, DialString=string or channel.partition("-")[0])

    def dialled(self, caller: str, called: str, status: str) -> "Story":
        """What came of it."""
        if status == "ANSWER":
            self.at(called, "Newstate", ChannelState="6")
        return self._dialled("DialEnd", caller, called, DialStatus=status)

    def _dialled(self, name: str, caller: str, called: str, **head: str) -> "Story":
        channel = self._channels[called]["Channel"]
        dest = {"DestChannel": channel, "DestUniqueid": called, "DestLinkedid": self.linked[called]}
        return self.at(caller, name, **dest, **head)

    def up(self, *ids: str) -> "Story":
        """Channels are up."""
        for id_ in ids:
            self.at(id_, "Newstate", ChannelState="6")
        return self

    def bridge(self, name: str, *ids: str) -> "Story":
        """Channels meet."""
        for id_ in ids:
            self.at(id_, "BridgeEnter", BridgeUniqueid=name)
        return self

    def hangup(self, *ids: str, cause: str = "16") -> "Story":
        """Channels end."""
        for id_ in ids:
            self.at(id_, "Hangup", Cause=cause)
        return self

    def read(self) -> list[Event]:
        """All that was told, as events of ours."""
        self.then(LINGER_S)
        return list(events({"calls": self.leaves}, self.settings))


def inbound(number: str = "+393331112233", **changed: Any) -> Story:
    """Somebody calls the office, and telephone 201 rings."""
    story = Story(make_settings(**changed))
    head = {"CallerIDNum": number, "CallerIDName": "Anna Neri", "Context": "from-trunk", "Exten": "+39051000001"}
    story.channel("1.1", "PJSIP/trunk-00000001", **head)
    return story.then(1).dial("1.1", "1.2", "PJSIP/201-00000002")


def talk(story: Story, seconds: float = 30) -> Story:
    """201 takes it after four seconds, and they talk."""
    story.then(4).dialled("1.1", "1.2", "ANSWER").up("1.1").bridge("b1", "1.2", "1.1")
    return story.then(seconds)
