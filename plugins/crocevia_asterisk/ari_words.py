"""What ARI tells, in AMI's words. ARI names no linked id, so calls are put together here: by dialling and by bridges.

Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/Asterisk_REST_Interface/ (2026-11).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from attrs import define, field

from crocevia_asterisk.told import Told, from_packet

_STATES = {"Down": "0", "Rsrved": "1", "OffHook": "2", "Dialing": "3", "Ring": "4", "Ringing": "5", "Up": "6"}
_NAMES = {
    "ChannelCreated": "Newchannel",
    "ChannelStateChange": "Newstate",
    "ChannelCallerId": "NewCallerid",
    "ChannelDialplan": "Newexten",
    "ChannelEnteredBridge": "BridgeEnter",
    "ChannelLeftBridge": "BridgeLeave",
    "ChannelHold": "Hold",
    "ChannelUnhold": "Unhold",
    "ChannelHangupRequest": "HangupRequest",
    "ChannelDestroyed": "Hangup",
    "ChannelVarset": "VarSet",
    "StasisStart": "Newstate",
}
_OVERLOOKED = """
ApplicationMoveFailed ApplicationRegistered ApplicationUnregistered BridgeCreated BridgeDestroyed BridgeMerged
BridgeVideoSourceChanged ChannelConnectedLine ChannelDtmfReceived ChannelTalkingFinished ChannelTalkingStarted
ChannelToneDetected ChannelTransfer ChannelUserevent ContactInfo ContactStatusChange DeviceStateChanged
EndpointStateChange MissingParams Peer PeerStatusChange PlaybackContinuing PlaybackFinished PlaybackStarted
RecordingFailed RecordingStarted RESTResponse StasisEnd TextMessageReceived ApplicationReplaced
"""
OVERLOOKED = frozenset(_OVERLOOKED.split())
"""Known, and nothing of a call's story."""


@define(eq=False)
class AriWords:
    """Translates events, oldest first.

    Attributes:
        linked: Which call each channel is of, by uniqueid. Fill it with what was known before.
        recording_variables: Those whose setting matters.
    """

    linked: dict[str, str] = field(factory=dict)
    recording_variables: tuple[str, ...] = ()
    _halves: dict[str, str] = field(factory=dict)

    def told(self, event: Mapping[str, Any], heard_at: float) -> Iterator[Told]:
        """What an event tells of calls; nothing where that is nothing."""
        at = _seconds(event.get("timestamp"), heard_at)
        for packet in self._packets(str(event.get("type")), event):
            said = from_packet(packet, at, self.recording_variables)
            if said is not None and next(said.ids, None) is not None:
                yield said

    @staticmethod
    def knows(event: Mapping[str, Any]) -> bool:
        """Whether it is an event that is understood or known to mean nothing here."""
        others = ("Dial", "RecordingFinished", "BridgeBlindTransfer", "BridgeAttendedTransfer")
        return event.get("type") in (*_NAMES, *OVERLOOKED, *others)

    def _packets(self, type_: str, event: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        channel = _object(event, "channel")
        match type_:
            case "Dial":
                yield from self._dial(event)
            case "RecordingFinished":
                recording = _object(event, "recording")
                kind, _, id_ = _text(recording, "target_uri").partition(":")
                if kind == "channel" and id_ in self.linked:
                    said = {"Name": _text(recording, "name"), "Format": _text(recording, "format")}
                    yield {"Event": "Recording", "Uniqueid": id_, "Linkedid": self.linked[id_], **said}
            case "BridgeBlindTransfer":
                said = {"Result": _text(event, "result"), "Extension": _text(event, "exten")}
                yield {"Event": "BlindTransfer", **said, **_prefixed("Transferer", self._snapshot(channel))}
            case "BridgeAttendedTransfer":
                first = self._snapshot(_object(event, "transferer_first_leg"))
                second = _object(event, "transferer_second_leg")
                connected = _text(_object(second, "connected"), "number")
                said = {"Result": _text(event, "result"), "SecondTransfererConnectedLineNum": connected}
                yield {"Event": "AttendedTransfer", **said, **_prefixed("OrigTransferer", first)}
            case _ if type_ in _NAMES and _text(channel, "id"):
                yield from self._of_channel(_NAMES[type_], event, channel)

    def _of_channel(self, name: str, event: Mapping[str, Any], channel: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        bridge = _object(event, "bridge")
        if name == "BridgeEnter":
            yield from self._meet([*_list(bridge, "channels"), _text(channel, "id")])
        plan = _object(channel, "dialplan")
        yield {
            "Event": name,
            **self._snapshot(channel),
            "BridgeUniqueid": _text(bridge, "id"),
            "Cause": str(event.get("cause", "")),
            "Variable": _text(event, "variable"),
            "Value": _text(event, "value"),
            "Application": _text(event, "dialplan_app"),
            "Extension": _text(plan, "exten"),
            "Priority": str(plan.get("priority", "")),
        }

    def _dial(self, event: Mapping[str, Any]) -> Iterator[dict[str, str]]:
        caller, peer = _object(event, "caller"), _object(event, "peer")
        status = _text(event, "dialstatus")
        if not _text(peer, "id") or status in ("RINGING", "PROGRESS", "PROCEEDING"):
            return
        said = self._snapshot(caller) if _text(caller, "id") else {}
        if said:
            self.linked[_text(peer, "id")] = said["Linkedid"]
        dialled = _prefixed("Dest", self._snapshot(peer))
        name = "DialEnd" if status else "DialBegin"
        yield {"Event": name, **said, **dialled, "DialString": _text(event, "dialstring"), "DialStatus": status}

    def _meet(self, ids: list[Any]) -> Iterator[dict[str, str]]:
        """Who meets in a bridge is of one call: the oldest's."""
        known = [id_ for id_ in ids if isinstance(id_, str) and id_ in self.linked]
        calls = {self.linked[id_] for id_ in known}
        if len(calls) > 1:
            oldest = min(calls, key=_age)
            for id_, call in self.linked.items():
                if call in calls and call != oldest:
                    self.linked[id_] = oldest
                    yield {"Event": "NewCallerid", "Uniqueid": id_, "Linkedid": oldest}

    def _snapshot(self, channel: Mapping[str, Any]) -> dict[str, str]:
        id_, name = _text(channel, "id"), _text(channel, "name")
        if not id_:
            return {}
        stem, _, half = name.rpartition(";")
        call = self.linked.get(id_) or (self._halves.get(stem) if half in ("1", "2") else None) or id_
        self.linked[id_] = call
        if half in ("1", "2"):
            self._halves[stem] = call
        caller, plan = _object(channel, "caller"), _object(channel, "dialplan")
        return {
            "Channel": name,
            "ChannelState": _STATES.get(_text(channel, "state"), ""),
            "CallerIDNum": _text(caller, "number"),
            "CallerIDName": _text(caller, "name"),
            "Context": _text(plan, "context"),
            "Exten": _text(plan, "exten"),
            "Uniqueid": id_,
            "Linkedid": call,
        }

    def shown(self, channel: Mapping[str, Any], linked: str, bridge: str, now: float) -> Told:
        """A channel that is up."""
        self.linked[_text(channel, "id")] = linked
        age = max(0, round(now - _seconds(channel.get("creationtime"), now)))
        said = {"Event": "CoreShowChannel", **self._snapshot(channel), "BridgeId": bridge}
        found = from_packet({**said, "Duration": f"{age // 3600}:{age // 60 % 60}:{age % 60}"}, now)
        assert found is not None  # noqa: S101 - its name is one of those that are used
        return found

    def forget(self, up: set[str]) -> None:
        """Only these channels are up."""
        self.linked = {id_: call for id_, call in self.linked.items() if id_ in up}
        self._halves.clear()


def _prefixed(prefix: str, packet: Mapping[str, str]) -> dict[str, str]:
    return {f"{prefix}{key}": value for key, value in packet.items()}


def _age(linked: str) -> tuple[float, str]:
    """Orders ids by when they were made: `"1795288131.1"`; those that we chose ourselves come last."""
    seconds = linked.rpartition("-")[2].partition(".")[0]
    return (float(seconds) if seconds.isdigit() and "." in linked else float("inf"), linked)


def _seconds(text: Any, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (TypeError, ValueError):
        return otherwise


def _object(node: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = node.get(name)
    return found if isinstance(found, dict) else {}


def _list(node: Mapping[str, Any], name: str) -> list[Any]:
    found = node.get(name)
    return found if isinstance(found, list) else []


def _text(node: Mapping[str, Any], name: str) -> str:
    found = node.get(name)
    return found if isinstance(found, str) else ""
