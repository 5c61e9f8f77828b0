"""The telephone exchange: Asterisk's manager interface (AMI), as far as a listener asks for it, and calls to tell.

Events and keys as Asterisk 22 tells them with `timestampevents = yes`.
Source: https://docs.asterisk.org/Asterisk_22_Documentation/API_Documentation/AMI_Events/ (2026-11).
"""

from __future__ import annotations

import hashlib
import itertools
import socketserver
import threading
import time
from collections.abc import Iterator, Mapping
from functools import partial
from queue import Empty, SimpleQueue

from attrs import define, field

from crocevia_demo.town.book import Book

USER = "crocevia"
OUR_NUMBER = "0110000002"
_AGENT = "201"
_BANNER = b"Asterisk Call Manager/11.0.0\r\n"
_RUNG_S = 0.5
Packet = Mapping[str, str]


@define
class Exchange:
    """A small company's Asterisk: one trunk, one telephone."""

    secret: str
    book: Book
    _ids: Iterator[int] = field(factory=itertools.count)
    _listeners: list[SimpleQueue[Packet]] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)

    def open(self) -> int:
        """Serve; the port of AMI."""
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), partial(_Session, self))
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return int(server.server_address[1])

    def call(self, number: str, seconds: int) -> str:
        """Somebody calls, and is talked to for so long; return the call's id at once."""
        began_s = time.time()
        caller, agent = (f"{began_s:.0f}.{next(self._ids)}" for _ in range(2))
        self.book.sent("phone", caller, "call", number)
        story = _story(number, caller, agent, began_s, seconds)
        threading.Thread(target=self._tell, args=(story,), daemon=True).start()
        return caller

    def _tell(self, story: Iterator[Packet]) -> None:
        """Each event when its time has come."""
        for packet in story:
            time.sleep(max(0.0, float(packet["Timestamp"]) - time.time()))
            with self._lock:
                for listener in self._listeners:
                    listener.put(packet)

    def listen(self) -> SimpleQueue[Packet]:
        """What is told from now on."""
        with self._lock:
            self._listeners.append(SimpleQueue())
            return self._listeners[-1]

    @property
    def is_heard(self) -> bool:
        """Whether somebody listens: a call that nobody hears is told nowhere."""
        return bool(self._listeners)

    def leave(self, listener: SimpleQueue[Packet]) -> None:
        """Tell nothing any more."""
        with self._lock:
            self._listeners.remove(listener)


def _story(number: str, caller: str, agent: str, began_s: float, seconds: int) -> Iterator[Packet]:
    """A call from outside that rings at our telephone, is answered, and ended by the caller."""
    outside = {
        "Channel": f"PJSIP/provider-{caller.partition('.')[2]:0>8}",
        "CallerIDNum": number,
        "CallerIDName": "<unknown>",
        "ConnectedLineNum": "<unknown>",
        "Context": "from-trunk",
        "Exten": OUR_NUMBER,
        "Priority": "1",
        "Uniqueid": caller,
        "Linkedid": caller,
    }
    inside = {
        **outside,
        "Channel": f"PJSIP/{_AGENT}-{agent.partition('.')[2]:0>8}",
        "CallerIDNum": _AGENT,
        "Context": "from-internal",
        "Exten": "s",
        "Uniqueid": agent,
    }
    dialled = {f"Dest{key}": value for key, value in inside.items()}
    bridge = {"BridgeUniqueid": f"bridge-{caller}", "BridgeType": "basic"}
    ring, up, end = (began_s + wait for wait in (0.1, _RUNG_S, _RUNG_S + seconds))
    yield _told(began_s, "Newchannel", outside, ChannelState="4", ChannelStateDesc="Ring")
    yield _told(ring, "Newchannel", inside, ChannelState="0", ChannelStateDesc="Down")
    yield _told(ring, "DialBegin", {**outside, **dialled}, ChannelState="4", DialString=_AGENT)
    yield _told(up, "Newstate", inside, ChannelState="6", ChannelStateDesc="Up")
    yield _told(up, "DialEnd", {**outside, **dialled}, ChannelState="4", DialStatus="ANSWER")
    yield _told(up, "Newstate", outside, ChannelState="6", ChannelStateDesc="Up")
    yield _told(up, "BridgeEnter", {**inside, **bridge}, ChannelState="6")
    yield _told(up, "BridgeEnter", {**outside, **bridge}, ChannelState="6")
    yield _told(end, "HangupRequest", outside, ChannelState="6", Cause="16")
    yield _told(end, "BridgeLeave", {**outside, **bridge}, ChannelState="6")
    yield _told(end, "BridgeLeave", {**inside, **bridge}, ChannelState="6")
    for leg in (inside, outside):
        yield _told(end, "Hangup", leg, ChannelState="6", Cause="16", **{"Cause-txt": "Normal Clearing"})


def _told(at_s: float, name: str, keys: Packet, **more: str) -> Packet:
    return {"Event": name, "Privilege": "call,all", "Timestamp": f"{at_s:.6f}", **keys, **more}


class _Session(socketserver.StreamRequestHandler):
    """One manager."""

    timeout = 0.05

    def __init__(self, exchange: Exchange, *given: object) -> None:
        self._exchange = exchange
        self._challenge = ""
        self._said = b""
        super().__init__(*given)  # type: ignore[arg-type]  # as the server gives them

    def handle(self) -> None:
        """Greet, let nobody in who does not know the secret, then answer and tell."""
        self.wfile.write(_BANNER)
        listener: SimpleQueue[Packet] | None = None
        try:
            while True:
                for asked in self._asked():
                    if self._answer(asked):
                        listener = listener or self._exchange.listen()
                    elif asked["Action"].lower() == "logoff":
                        return
                while listener is not None:
                    try:
                        self._say(listener.get_nowait())
                    except Empty:
                        break
        except (ConnectionError, EOFError):
            return
        finally:
            if listener is not None:
                self._exchange.leave(listener)

    def _asked(self) -> Iterator[dict[str, str]]:
        try:
            chunk = self.connection.recv(65536)
            if not chunk:
                raise EOFError
            self._said += chunk
        except TimeoutError:
            pass
        while b"\r\n\r\n" in self._said:
            packet, _, self._said = self._said.partition(b"\r\n\r\n")
            lines = [line.partition(":") for line in packet.decode().split("\r\n")]
            yield {"Action": "", **{name.strip(): value.strip() for name, _, value in lines}}

    def _answer(self, asked: Mapping[str, str]) -> bool:
        """Answer an action; True when it has let somebody in."""
        action, same = asked["Action"].lower(), {"ActionID": asked["ActionID"]} if "ActionID" in asked else {}
        if action == "challenge":
            self._challenge = f"{time.monotonic_ns()}"
            self._say({"Response": "Success", **same, "Challenge": self._challenge})
        elif action == "login":
            key = hashlib.md5((self._challenge + self._exchange.secret).encode()).hexdigest()  # noqa: S324 - AMI's own
            if (asked.get("Username"), asked.get("Key")) != (USER, key) or not self._challenge:
                self._say({"Response": "Error", **same, "Message": "Authentication failed"})
                raise EOFError
            self._say({"Response": "Success", **same, "Message": "Authentication accepted"})
            return True
        elif action == "coreshowchannels":
            self._say({"Response": "Success", **same, "EventList": "start", "Message": "Channels will follow"})
            end = {"Event": "CoreShowChannelsComplete", **same, "EventList": "Complete", "ListItems": "0"}
            self._say(end)
        elif action in ("ping", "events", "logoff", "filter"):
            self._say({"Response": "Goodbye" if action == "logoff" else "Success", **same, "Ping": "Pong"})
        else:
            self._say({"Response": "Error", **same, "Message": "Invalid/unknown command"})
        return False

    def _say(self, packet: Packet) -> None:
        lines = "".join(f"{name}: {value}\r\n" for name, value in packet.items())
        self.wfile.write(f"{lines}\r\n".encode())
