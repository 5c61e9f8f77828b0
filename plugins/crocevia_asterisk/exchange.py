"""What the listener asks of an exchange, and how AMI gives it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from attrs import define, field

from crocevia_asterisk.ami import Ami
from crocevia_asterisk.packets import Packet, text_of
from crocevia_asterisk.settings import Settings
from crocevia_asterisk.told import OVERLOOKED, USED, Told, from_packet

MOST_UNKNOWN = 100


class Exchange(Protocol):
    """A connection on which calls are heard."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None: ...

    def channels(self) -> Sequence[Told]:
        """What is up now, each channel as a `CoreShowChannel`."""
        ...

    def heard(self, timeout_s: float) -> Sequence[Told]:
        """What is told of calls, as soon as there is something; none when nothing came for so long."""
        ...

    def unknown(self) -> list[dict[str, Any]]:
        """Whole events of names that nobody knows, since it was asked last."""
        ...


@define(eq=False)
class AmiExchange:
    """Calls, heard over AMI.

    Args:
        now_s: The time, in seconds since 1970.
    """

    settings: Settings
    connection: str
    now_s: Callable[[], float]
    _ami: Ami = field(init=False)
    _unknown: list[dict[str, Any]] = field(factory=list, init=False)

    def __enter__(self) -> Self:
        self._ami = Ami(self.settings, self.connection)
        self._ami.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ami.__exit__(kind, error, at)

    def channels(self) -> list[Told]:
        """Asked with `CoreShowChannels`."""
        found = self._ami.listed("CoreShowChannels", "CoreShowChannel")
        return [told for packet in found if (told := self._told(packet)) is not None]

    def heard(self, timeout_s: float) -> list[Told]:
        """Events, as they come."""
        return [told for packet in self._ami.heard(timeout_s) if (told := self._told(packet)) is not None]

    def unknown(self) -> list[dict[str, Any]]:
        """Events of Asterisk's that neither matter nor are known not to."""
        found, self._unknown = self._unknown, []
        return found

    def _told(self, packet: Packet) -> Told | None:
        name = text_of(packet, "Event")
        if name not in USED and name not in OVERLOOKED and len(self._unknown) < MOST_UNKNOWN:
            self._unknown.append({key: text_of(packet, key) for key in packet})
        return from_packet(packet, self.now_s(), self.settings.recording_variables)
