"""One call, as its events tell it: legs, who rang, who talked to whom and for how long. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, ClassVar

from attrs import define, field

from crocevia_asterisk.told import Told

RINGING, UP = "5", "6"
_SAME_ROW = ("UniqueID", "StartTime", "EndTime", "Disposition")
_MADE_BY_US = frozenset({"0", "1", RINGING})
"""States in which a channel begins that the exchange itself makes: down, reserved, ringing already."""


@define(eq=False)
class Leg:
    """One channel of a call.

    Attributes:
        id: Its uniqueid.
        channel: `"PJSIP/agent-00000002"`.
        context: Where it entered the dial plan.
        exten: What it called there; of a dialled one nothing that matters.
        number: Who it is, by caller id.
        dialled: Made by the exchange, rather than by somebody who calls.
        talked_s: How long it was bridged with somebody; held time included.
    """

    id: str
    at: float
    channel: str = ""
    context: str = ""
    exten: str = ""
    number: str = ""
    name: str = ""
    dialled: bool = False
    dial_string: str = ""
    dial_status: str = ""
    rang_at: float | None = None
    up_at: float | None = None
    gave_up_at: float | None = None
    ended_at: float | None = None
    cause: str = ""
    bridge: str = ""
    talked_s: float = 0.0
    talking_since: float | None = None
    held_s: float = 0.0
    held_since: float | None = None

    @property
    def endpoint(self) -> str:
        """The device, without the number of the call: `"PJSIP/agent"`."""
        return self.channel.rpartition("-")[0] or self.channel

    @property
    def talked(self) -> bool:
        """Whether it was ever bridged with somebody."""
        return self.talked_s > 0 or self.talking_since is not None


@define(eq=False)
class Call:
    """What is known of a call.

    Attributes:
        id: Its linked id.
        legs: By uniqueid, in the order in which they began.
        transfers: `(blind or attended, to whom)`.
        recordings: File names or paths, as the exchange tells them.
        cdrs: What `Cdr` events or rows of the CDR file said.
        partial: Part of it went unheard: what the CDR says counts.
    """

    id: str
    legs: dict[str, Leg] = field(factory=dict)
    transfers: list[tuple[str, str]] = field(factory=list)
    recordings: list[str] = field(factory=list)
    queue: str = ""
    members: list[str] = field(factory=list)
    abandoned: bool = False
    voicemail: bool = False
    not_originated: str = ""
    answered_by: list[str] = field(factory=list)
    answered_at: float | None = None
    cdrs: list[Mapping[str, str]] = field(factory=list)
    cdrs_at: list[float] = field(factory=list)
    partial: bool = False
    last_at: float = 0.0

    @classmethod
    def of(cls, id_: str, story: Iterable[Told]) -> Call:
        """The call that these events tell, oldest first."""
        call = cls(id_)
        for told in story:
            call.take(told)
        return call

    @property
    def first(self) -> Leg | None:
        """Who began it."""
        return next(iter(self.legs.values()), None)

    @property
    def over(self) -> bool:
        """Whether every leg has ended, or it never got as far as having one."""
        return bool(self.legs or self.not_originated) and all(leg.ended_at is not None for leg in self.legs.values())

    @property
    def began_at(self) -> float:
        """When its first leg began; of one of which only the CDR knows, what that says."""
        return self.first.at if self.first else min(self.cdrs_at, default=self.last_at)

    @property
    def dialled(self) -> list[Leg]:
        """Legs that the exchange called, without the halves of its own Local channels."""
        found = [leg for leg in self.legs.values() if leg.dialled and leg is not self.first]
        return [leg for leg in found if not leg.channel.startswith("Local/")] or found

    def take(self, told: Told) -> None:
        """One event more."""
        self.last_at = max(self.last_at, told.at)
        handler = self._HANDLERS.get(told.name)
        if handler is not None:
            handler(self, told)

    def leg(self, told: Told, prefix: str = "") -> Leg:
        """The leg that an event is about, made where it is new."""
        unique = told[f"{prefix}Uniqueid"]
        leg = self.legs.get(unique)
        if leg is None:
            leg = self.legs[unique] = Leg(unique, told.at, dialled=bool(prefix) or unique != self.id)
        leg.channel = told[f"{prefix}Channel"] or leg.channel
        if not prefix:
            leg.context = leg.context or told["Context"]
            leg.exten = leg.exten or _called(told["Exten"])
            leg.number = leg.number or told["CallerIDNum"]
            leg.name = leg.name or told["CallerIDName"]
        return leg

    # --- one a kind of event

    def _snapshot(self, told: Told) -> None:
        new = told["Uniqueid"] not in self.legs
        leg, state = self.leg(told), told["ChannelState"]
        if new:
            leg.dialled = state in _MADE_BY_US
        if state == RINGING and leg.rang_at is None:
            leg.rang_at = told.at
        if state == UP and leg.up_at is None:
            leg.up_at = told.at

    def _shown(self, told: Told) -> None:
        """A channel that was up when we came: when it began is told as its age, how it got there is not."""
        new = told["Uniqueid"] not in self.legs
        self._snapshot(told)
        self.partial = True
        if new:
            leg = self.legs[told["Uniqueid"]]
            leg.at = told.at - _age_s(told["Duration"])
            leg.dialled = leg.dialled or (told["ChannelState"] == UP and leg.id != self.id)
            self.legs = dict(sorted(self.legs.items(), key=lambda item: item[1].at))
        if told["BridgeId"]:
            self._enter(leg=self.legs[told["Uniqueid"]], bridge=told["BridgeId"], at=told.at)

    def _step(self, told: Told) -> None:
        leg = self.leg(told)
        if leg.dialled:
            leg.exten = leg.exten or _called(told["Extension"])
        self.voicemail |= told["Application"].lower().startswith("voicemail")

    def _dial(self, told: Told) -> None:
        if told["Uniqueid"]:
            self.leg(told)
        leg = self.leg(told, "Dest")
        leg.dialled = True
        leg.dial_string = told["DialString"] or leg.dial_string
        if told.name == "DialEnd":
            leg.dial_status = told["DialStatus"] or leg.dial_status
            if leg.dial_status == "ANSWER" and leg.up_at is None:
                leg.up_at = told.at
        elif leg.rang_at is None:
            leg.rang_at = told.at

    def _bridge(self, told: Told) -> None:
        leg = self.leg(told)
        if told.name == "BridgeEnter":
            self._enter(leg, told["BridgeUniqueid"], told.at)
        else:
            self._leave(leg, told.at)

    def _enter(self, leg: Leg, bridge: str, at: float) -> None:
        if leg.bridge == bridge:
            return
        self._leave(leg, at)
        leg.bridge = bridge
        inside = [other for other in self.legs.values() if other.bridge == bridge]
        if len(inside) > 1:
            self.answered_at = at if self.answered_at is None else self.answered_at
            for other in inside:
                other.talking_since = at if other.talking_since is None else other.talking_since
                if other.dialled and other is not self.first and other.endpoint not in self.answered_by:
                    self.answered_by.append(other.endpoint)

    def _leave(self, leg: Leg, at: float) -> None:
        inside = [other for other in self.legs.values() if leg.bridge and other.bridge == leg.bridge]
        leg.bridge = ""
        for other in (leg, *inside) if len(inside) <= 2 else (leg,):
            if other.talking_since is not None:
                other.talked_s += at - other.talking_since
                other.talking_since = None

    def _hold(self, told: Told) -> None:
        leg = self.leg(told)
        if told.name == "Hold":
            leg.held_since = told.at if leg.held_since is None else leg.held_since
        else:
            _release(leg, told.at)

    def _transfer(self, told: Told) -> None:
        if told["Result"] in ("", "Success"):
            kind = "blind" if told.name == "BlindTransfer" else "attended"
            self.transfers.append((kind, told["Extension"] or told["SecondTransfererConnectedLineNum"]))

    def _hangup_asked(self, told: Told) -> None:
        leg = self.leg(told)
        leg.gave_up_at = told.at if leg.gave_up_at is None else leg.gave_up_at

    def _hangup(self, told: Told) -> None:
        leg = self.leg(told)
        self._leave(leg, told.at)
        _release(leg, told.at)
        leg.ended_at = told.at if leg.ended_at is None else leg.ended_at
        leg.cause = told["Cause"]
        if leg.dialled:
            leg.exten = leg.exten or _called(told["Exten"])

    def _queued(self, told: Told) -> None:
        self.leg(told)
        self.queue = told["Queue"] or self.queue
        self.abandoned = told.name == "QueueCallerAbandon" or (self.abandoned and told.name != "QueueCallerJoin")

    def _member(self, told: Told) -> None:
        self.queue = told["Queue"] or self.queue
        name = told["MemberName"] or told["Interface"]
        if name and name not in self.members:
            self.members.append(name)

    def _recorded(self, told: Told) -> None:
        name = told["Value"] or told["Name"]
        if name and told.name == "Recording" and told["Format"]:
            name = f"{name}.{told['Format']}"
        if name and name not in self.recordings:
            self.recordings.append(name)

    def _originated(self, told: Told) -> None:
        leg = self.legs.get(told["Uniqueid"])
        if leg is not None and leg.dialled:
            leg.exten = leg.exten or _called(told["Exten"])
        if told["Response"] == "Failure":
            self.not_originated = told["Reason"] or "0"

    def _cdr(self, told: Told) -> None:
        if any(all(row.get(key) == told[key] for key in _SAME_ROW) for row in self.cdrs):
            return  # the event and the file tell the same
        self.cdrs.append(told.head)
        if told.name == "CdrRow":
            self.cdrs_at.append(told.at)
            self.last_at = max(self.last_at, told.at + (int(text) if (text := told["Duration"]).isdigit() else 0))
        self.voicemail |= told["LastApplication"].lower() == "voicemail"

    def _resumed(self, _: Told) -> None:
        self.partial = True

    _HANDLERS: ClassVar[Mapping[str, Callable[[Any, Told], None]]] = {
        "Newchannel": _snapshot,
        "Newstate": _snapshot,
        "NewCallerid": _snapshot,
        "CoreShowChannel": _shown,
        "Newexten": _step,
        "DialBegin": _dial,
        "DialEnd": _dial,
        "BridgeEnter": _bridge,
        "BridgeLeave": _bridge,
        "Hold": _hold,
        "Unhold": _hold,
        "BlindTransfer": _transfer,
        "AttendedTransfer": _transfer,
        "HangupRequest": _hangup_asked,
        "Hangup": _hangup,
        "QueueCallerJoin": _queued,
        "QueueCallerAbandon": _queued,
        "AgentConnect": _member,
        "VarSet": _recorded,
        "Recording": _recorded,
        "OriginateResponse": _originated,
        "Cdr": _cdr,
        "CdrRow": _cdr,
        "Resumed": _resumed,
    }


def _called(exten: str) -> str:
    """A number that is called; the dial plan's own names for "start" and the like are none."""
    return "" if exten in ("s", "h", "i", "t", "o", "a", "T") else exten


def _release(leg: Leg, at: float) -> None:
    if leg.held_since is not None:
        leg.held_s += at - leg.held_since
        leg.held_since = None


def _age_s(text: str) -> float:
    """`"00:01:05"` in seconds."""
    parts = text.split(":")
    if not 1 <= len(parts) <= 3 or not all(part.isdigit() for part in parts):
        return 0.0
    return float(sum(int(part) * 60**index for index, part in enumerate(reversed(parts))))
