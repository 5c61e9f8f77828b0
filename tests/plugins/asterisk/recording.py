"""Five calls, recorded from a real Asterisk 22 over AMI and ARI at once."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from attrs import frozen

from crocevia_asterisk.ari_words import AriWords
from crocevia_asterisk.packets import Packet, Packets, text_of
from crocevia_asterisk.told import Told, from_packet

CORPUS = Path(__file__).resolve().parents[4] / "shared" / "corpus" / "payloads" / "asterisk"
BEGAN_S = 1795288127.539
"""When the recording's clock was 0, by the exchange's own (`SuccessfulAuth`, `EventTV`)."""


@frozen
class Recording:
    """What was recorded: `(seconds since 1970, packet)` of AMI, `(the same, event)` of ARI, rows of the CDR file."""

    ami: list[tuple[float, Packet]]
    ari: list[tuple[float, dict[str, Any]]]
    cdr: str

    def told(self) -> list[Told]:
        """What AMI tells of calls."""
        found = (from_packet(packet, at, ("MIXMONITOR_FILENAME",)) for at, packet in self.ami)
        return [told for told in found if told is not None]

    def told_by_ari(self) -> Iterator[Told]:
        """What ARI tells of calls."""
        words = AriWords()
        for at, event in self.ari:
            yield from words.told(event, at)

    @property
    def events(self) -> list[str]:
        """The names of AMI's events."""
        return [text_of(packet, "Event") for _, packet in self.ami if "Event" in packet]


def corpus(name: str) -> bytes:
    """A file of the corpus; the test is skipped where it is not there."""
    path = CORPUS / name
    if not path.exists():
        pytest.skip(f"no corpus at {CORPUS}")
    return path.read_bytes()


def five_calls() -> Recording:
    """The recording."""
    text = corpus("recorded_five_calls.txt").decode()
    text, _, tail = text.partition("##### CDR Master.csv (cdr_csv)\n")
    ami: list[tuple[float, Packet]] = []
    ari: list[tuple[float, dict[str, Any]]] = []
    for kind, at, said in re.findall(r"^@(AMI|ARI) t=([\d.]+)\n(.*?)(?=^@A|^#####|\Z)", text, re.DOTALL | re.MULTILINE):
        if kind == "ARI":
            ari.append((BEGAN_S + float(at), json.loads(said)))
        else:
            [packet] = Packets().feed(said.strip().replace("\n", "\r\n").encode() + b"\r\n\r\n")
            ami.append((BEGAN_S + float(at), packet))
    return Recording(ami, ari, tail)
