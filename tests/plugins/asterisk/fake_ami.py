"""A strict AMI on loopback: it greets, checks logins, tells what the test gives it, and keeps what it was asked."""

import hashlib
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Self

from attrs import define, field

from crocevia_asterisk.packets import Packet, Packets, text_of


@define(eq=False)
class FakeAmi:
    """One exchange.

    Attributes:
        shown: What `CoreShowChannels` lists.
        answers: `{action: headers of its answer}`, where it is not `Response: Success`; None: it hangs up instead.
        asked: Every action, oldest first.
        greeting: What it says first.
    """

    secret: str = "s3cret"
    greeting: bytes = b"Asterisk Call Manager/11.0.0\r\n"
    shown: list[Mapping[str, str]] = field(factory=list)
    answers: dict[str, Mapping[str, str] | None] = field(factory=dict)
    asked: list[Packet] = field(factory=list)
    port: int = 0
    listening: threading.Event = field(factory=threading.Event)
    _clients: list[socket.socket] = field(factory=list)
    _lock: threading.Lock = field(factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[Self]:
        """On a free port, until the block ends."""
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.port = server.getsockname()[1]
            thread = threading.Thread(target=self._accept, args=(server,), daemon=True)
            thread.start()
            yield self
            server.shutdown(socket.SHUT_RDWR)
            self.hang_up()
            thread.join(5)

    def tell(self, *events: Mapping[str, str]) -> None:
        """Events, to everybody who wants them."""
        for client in list(self._clients):
            client.sendall(b"".join(_packet(event) for event in events))

    def hang_up(self) -> None:
        """Every connection breaks."""
        for client in list(self._clients):
            with suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
        self._clients.clear()
        self.listening.clear()

    def actions(self, name: str) -> list[Packet]:
        """What it was asked of one kind."""
        return [packet for packet in self.asked if text_of(packet, "Action") == name]

    def _accept(self, server: socket.socket) -> None:
        while True:
            try:
                client, _ = server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        framing = Packets(banner="x")
        with client, suppress(OSError):
            client.sendall(self.greeting)
            while data := client.recv(4096):
                for packet in framing.feed(data):
                    self.asked.append(packet)
                    if not self._answer(client, packet):
                        return

    def _answer(self, client: socket.socket, packet: Packet) -> bool:
        name = text_of(packet, "Action")
        answer = self.answers.get(name, {"Response": "Success"})
        if answer is None:
            return False
        more: Sequence[Mapping[str, str]] = ()
        if name == "Challenge":
            answer = {"Response": "Success", "Challenge": "42"}
        elif name == "Login":
            key = hashlib.md5(("42" + self.secret).encode(), usedforsecurity=False).hexdigest()
            if key != text_of(packet, "Key") and self.secret != text_of(packet, "Secret"):
                answer = {"Response": "Error", "Message": "Authentication failed"}
            elif text_of(packet, "Events") != "off":
                self._clients.append(client)
        elif name == "CoreShowChannels" and answer["Response"] == "Success":
            listed = [{"Event": "CoreShowChannel", **channel} for channel in self.shown]
            more = [*listed, {"Event": "CoreShowChannelsComplete", "EventList": "Complete"}]
        elif name == "CoreSettings":
            answer = {"Response": "Success", "AsteriskVersion": "22.10.1"}
        id_ = {"ActionID": text_of(packet, "ActionID")}
        client.sendall(b"".join(_packet({**said, **id_}) for said in (answer, *more)))
        if name == "CoreShowChannels":
            self.listening.set()
        return name != "Logoff"


def _packet(headers: Mapping[str, str]) -> bytes:
    return "".join(f"{key}: {value}\r\n" for key, value in headers.items()).encode() + b"\r\n"
