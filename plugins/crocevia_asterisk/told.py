"""What the exchange tells of a call: the events that matter, with what of them matters, and when.

Names and keys are AMI's, of Asterisk 13 and later; what ARI tells is brought to the same (`ari_words`).
Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Events/ (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import frozen

from crocevia_asterisk.packets import Packet, text_of

_SNAPSHOT = ("Channel", "ChannelState", "CallerIDNum", "CallerIDName", "Context", "Exten", "Uniqueid", "Linkedid")
_DIALED = ("DestChannel", "DestChannelState", "DestUniqueid", "DestLinkedid", "DialString", "DialStatus")
_BRIDGED = ("Channel", "Uniqueid", "Linkedid", "BridgeUniqueid")
_LEG = ("Channel", "Uniqueid", "Linkedid")
_CDR = ("Source", "Destination", "DestinationContext", "CallerID", "Channel", "DestinationChannel", "LastApplication")
_CDR_TIMES = ("StartTime", "AnswerTime", "EndTime", "Duration", "BillableSeconds", "Disposition", "UniqueID")

USED: Mapping[str, tuple[str, ...]] = {
    "Newchannel": _SNAPSHOT,
    "CoreShowChannel": (*_SNAPSHOT, "Duration", "BridgeId"),
    "Newstate": _SNAPSHOT,
    "NewCallerid": _SNAPSHOT,
    "Newexten": (*_SNAPSHOT, "Extension", "Application"),
    "DialBegin": (*_SNAPSHOT, *_DIALED),
    "DialEnd": (*_LEG, *_DIALED),
    "BridgeEnter": _BRIDGED,
    "BridgeLeave": _BRIDGED,
    "Hold": _LEG,
    "Unhold": _LEG,
    "BlindTransfer": ("Result", "Extension", "TransfererUniqueid", "TransfererLinkedid", "TransfererChannel"),
    "AttendedTransfer": (
        *("Result", "DestType", "OrigTransfererUniqueid", "OrigTransfererLinkedid", "OrigTransfererChannel"),
        *("SecondTransfererUniqueid", "SecondTransfererLinkedid", "SecondTransfererConnectedLineNum"),
    ),
    "HangupRequest": _LEG,
    "Hangup": (*_SNAPSHOT, "Cause"),
    "QueueCallerJoin": (*_LEG, "Queue"),
    "QueueCallerAbandon": (*_LEG, "Queue"),
    "AgentConnect": (*_LEG, "DestUniqueid", "DestLinkedid", "Queue", "MemberName", "Interface"),
    "VarSet": (*_LEG, "Variable", "Value"),
    "Recording": (*_LEG, "Name", "Format"),
    "OriginateResponse": ("Uniqueid", "Exten", "Response", "Reason", "ActionID"),
    "Cdr": (*_CDR, *_CDR_TIMES, "LinkedID"),
    "CdrRow": (*_CDR, *_CDR_TIMES, "LinkedID"),
    "Resumed": ("Linkedid",),
}
"""Which events of a call are kept, and which of their keys. `Recording`, `CdrRow` and `Resumed` are our own words."""

_OVERLOOKED = """
AGIExec AGIExecStart AGIExecEnd AgentCalled AgentComplete AgentDump AgentRingNoAnswer AgentLogin AgentLogoff
BridgeCreate BridgeDestroy BridgeInfoChannel BridgeInfoComplete BridgeMerge BridgeVideoSourceUpdate CEL
ChallengeSent ChallengeResponseFailed ChanSpyStart ChanSpyStop ChannelReload ChannelTalkingStart ChannelTalkingStop
ChannelUpdate ConfbridgeEnd ConfbridgeJoin ConfbridgeLeave ConfbridgeMute ConfbridgeRecord ConfbridgeStart
ConfbridgeStopRecord ConfbridgeTalking ConfbridgeUnmute ContactList ContactStatus CoreShowChannelsComplete
DAHDIChannel DNDState DTMFBegin DTMFEnd DeviceStateChange DialState EndpointList ExtensionStatus FAXStatus Flash
FullyBooted HangupHandlerPop HangupHandlerPush HangupHandlerRun LocalBridge LocalOptimizationBegin
LocalOptimizationEnd MeetmeJoin MeetmeLeave MessageWaiting MixMonitorMute MixMonitorStart MixMonitorStop
MonitorStart MonitorStop MusicOnHoldStart MusicOnHoldStop NewAccountCode NewConnectedLine ParkedCall
ParkedCallGiveUp ParkedCallSwap ParkedCallTimeOut PeerStatus PickUp Pickup PresenceStateChange QueueCallerLeave
QueueMemberAdded QueueMemberPaused QueueMemberPenalty QueueMemberRemoved QueueMemberRingInUse QueueMemberStatus
RTCPReceived RTCPSent Registry Reload Rename SendFAX SessionTimeout Shutdown SoftHangupRequest Status SuccessfulAuth
TestEvent UnParkedCall UserEvent Wink Wait InvalidAccountID InvalidPassword RequestBadFormat UnexpectedAddress
DeviceStateListComplete Load Unload SIPRinging Masquerade ReceiveFAX VoicemailPasswordChange MCID AocD AocE AocS
ListComplete StatusComplete Dial Bridge Hangup_handler
"""
OVERLOOKED = frozenset(_OVERLOOKED.split())
"""Known, and nothing of a call's story: another event tells what of it matters."""

RECORDED_APPLICATIONS = frozenset({"voicemail", "voicemailmain", "minivmrecord"})
PREFIXES = ("", "Dest", "Transferer", "OrigTransferer", "SecondTransferer")


@frozen
class Told:
    """One event of a call.

    Attributes:
        at: When, in seconds since 1970: by the exchange's clock where it says, else when it was heard.
        name: The event's.
        head: `{key: value}`, without those that are empty or `<unknown>`.
    """

    at: float
    name: str
    head: Mapping[str, str]

    def __getitem__(self, key: str) -> str:
        return self.head.get(key, "")

    @property
    def ids(self) -> Iterator[tuple[str, str]]:
        """`(uniqueid, linkedid)` of every channel it names; the second is `""` where it is not told."""
        if self.name in ("Cdr", "CdrRow"):
            yield self["UniqueID"], self["LinkedID"]
            return
        for prefix in PREFIXES:
            if unique := self[f"{prefix}Uniqueid"]:
                yield unique, self[f"{prefix}Linkedid"]

    def wire(self) -> dict[str, Any]:
        """As it is journaled."""
        return {"at": self.at, "Event": self.name, **self.head}


def from_packet(packet: Packet, heard_at: float, variables: tuple[str, ...] = ()) -> Told | None:
    """What a packet tells of a call; None when that is nothing.

    Args:
        variables: Those whose setting matters.
    """
    name = text_of(packet, "Event")
    keys = USED.get(name)
    if keys is None:
        return None
    if name == "VarSet" and text_of(packet, "Variable").lstrip("_") not in variables:
        return None
    if name == "Newexten" and not _matters(packet):
        return None
    head = {key: value for key in keys if (value := text_of(packet, key)) and value != "<unknown>"}
    told_at = text_of(packet, "Timestamp")
    return Told(_seconds(told_at, heard_at), name, head)


def _matters(packet: Packet) -> bool:
    """Whether a step of the dial plan says something: the voice box answers, or an originated channel goes on."""
    return text_of(packet, "Application").lower() in RECORDED_APPLICATIONS or text_of(packet, "Priority") == "1"


def _seconds(text: str, otherwise: float) -> float:
    try:
        return float(text) if text else otherwise
    except ValueError:
        return otherwise


def from_wire(item: Mapping[str, Any]) -> Told | None:
    """Read back what `wire` gave; None for what it never gave."""
    name, at = item.get("Event"), item.get("at")
    if not isinstance(name, str) or name not in USED or isinstance(at, bool) or not isinstance(at, int | float):
        return None
    return Told(float(at), name, {key: value for key in USED[name] if isinstance(value := item.get(key), str)})
